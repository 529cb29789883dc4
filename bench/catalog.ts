/**
 * How long lists of images take at 100,000 images, on both engines.
 *
 *     node bench/catalog.ts [--images N] [--engine sqlite|postgresql] [--rounds N] [--check]
 *
 * Prints medians and 99th percentiles in milliseconds, as the server's own function takes them
 * (query, rows, parsing). `--check` exits with 1 when a median is above 10 ms.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { createImages, migrate, openPostgresql, openSqlite, otcImageSettings } from '@imageyard/core';
import type { Actor, Catalog, ImageFilter, ImageListQuery, Images } from '@imageyard/core';
import { actorOf } from '../tests/catalog/people.ts';
import { findPostgres, startCluster } from '../tests/catalog/postgres.ts';
import { fillCatalog, madeTags, projectName } from './catalog-data.ts';

const targetMs = 10;
const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    engine: { type: 'string' },
    rounds: { type: 'string', default: '60' },
    check: { type: 'boolean', default: false },
  },
});
const imageCount = Number(options.images);
const rounds = Number(options.rounds);
/** Ten thousand projects at a million images, a thousand at a hundred thousand. */
const projects = Math.max(10, Math.round(imageCount / 100));

interface Case {
  readonly title: string;
  readonly actor: Actor;
  readonly query: ImageListQuery;
  /** Rows that the answer must have, where that says whether the case is what it claims. */
  readonly rows?: number;
}

const tag = (value: string): ImageFilter => ({ kind: 'tag', values: [value] });
const property = (name: string, value: string): ImageFilter => ({ kind: 'property', name, value });

/** The queries; `marker` and `owned` come from a first look at the catalogue. */
async function makeCases(images: Images): Promise<Case[]> {
  const large = actorOf(projectName(0));
  const median = actorOf(projectName(Math.floor(projects / 2)));
  const admin = actorOf('operator', { admin: true });
  const deep = async (actor: Actor, pages: number): Promise<string> => {
    let marker: string | undefined;
    for (let page = 0; page < pages; page++) {
      const { images: rows } = await images.list(actor, { limit: 1000, ...(marker ? { marker } : {}) });
      marker = rows.at(-1)?.id ?? marker;
    }
    return marker!;
  };
  const behind = await deep(large, Math.max(1, Math.floor((imageCount * 0.04) / 1000)));
  const behindAdmin = await deep(admin, Math.max(1, Math.floor(imageCount / 2000)));
  const { images: own } = await images.list(large, { limit: 40 });
  const known = own.find((image) => image.owner === large.projectId)!;
  const four = [
    tag(madeTags.common),
    property('__os_type', 'Linux'),
    property('hw_disk_bus', 'virtio'),
    property('hw_firmware_type', 'uefi'),
  ];
  const byName: ImageFilter = { kind: 'anyOf', name: 'name', values: [known.name!] };
  const byId: ImageFilter = { kind: 'anyOf', name: 'id', values: [known.id] };
  const queued: ImageFilter = { kind: 'anyOf', name: 'status', values: ['queued'] };
  const qcow2: ImageFilter = { kind: 'anyOf', name: 'disk_format', values: ['qcow2'] };
  const largest: [string, Omit<ImageListQuery, 'limit'>, number[]][] = [
    ['no filter', {}, [25, 500]],
    ['page behind a marker', { marker: behind }, [25, 500]],
    ['tag on 30 %', { filters: [tag(madeTags.common)] }, [25, 500]],
    ['tag on 10 %', { filters: [tag(madeTags.tenth)] }, [25, 500]],
    ['tag on 1 %', { filters: [tag(madeTags.rare)] }, [25, 500]],
    ['tag on one image', { filters: [tag(known.tags[0]!)] }, [25]],
    ['tag on none', { filters: [tag('absent')] }, [25]],
    ['four facets', { filters: four }, [25, 500]],
    ['tag in pages', { filters: [tag(madeTags.tenth)], marker: behind }, [25]],
    ['disk format', { filters: [qcow2] }, [25, 500]],
    ['status queued', { filters: [queued] }, [25]],
    ['by name', { filters: [byName] }, [25]],
    ['by id', { filters: [byId] }, [25]],
    ['order of name', { sort: [{ key: 'name', direction: 'asc' }] }, [25, 500]],
    ['order of size', { sort: [{ key: 'size', direction: 'desc' }] }, [25, 500]],
    [
      'tag, order of name',
      { filters: [tag(madeTags.common)], sort: [{ key: 'name', direction: 'asc' }] },
      [25],
    ],
    ['public', { visibility: 'public' }, [25, 500]],
    ['shared, pending', { visibility: 'shared', memberStatus: 'pending' }, [25]],
    ['size range, none', { filters: [{ kind: 'size', bound: 'min', bytes: 2 ** 50 }] }, [25]],
  ];
  const everybody: typeof largest = [
    ['no filter', {}, [25, 500]],
    ['page behind a marker', { marker: behindAdmin }, [25, 500]],
    ['tag on 30 %', { filters: [tag(madeTags.common)] }, [25, 500]],
    ['tag on 1 %', { filters: [tag(madeTags.rare)] }, [25, 500]],
    ['tag on one image', { filters: [tag(known.tags[0]!)] }, [25]],
    ['four facets', { filters: four }, [25, 500]],
    ['by name', { filters: [byName] }, [25]],
    ['order of name', { sort: [{ key: 'name', direction: 'asc' }] }, [25, 500]],
    ['status queued', { filters: [queued] }, [25, 500]],
    ['one project', { filters: [{ kind: 'anyOf', name: 'owner', values: [large.projectId!] }] }, [25, 500]],
  ];
  const cases = (who: string, actor: Actor, list: typeof largest): Case[] =>
    list.flatMap(([title, query, limits]) =>
      limits.map((limit) => ({ title: `${who}: ${title}, ${limit}`, actor, query: { ...query, limit } })),
    );
  return [
    ...cases('largest', large, largest),
    ...cases('median', median, [
      ['no filter', {}, [25, 500]],
      ['tag on 30 %', { filters: [tag(madeTags.common)] }, [25]],
    ]),
    ...cases('admin', admin, everybody),
  ];
}

interface Figure {
  readonly rows: number;
  readonly median: number;
  readonly p99: number;
  /** Mean of this process's CPU time: for SQLite all there is, and steady on a busy machine. */
  readonly cpu: number;
}

async function measure(images: Images, { actor, query }: Case): Promise<Figure> {
  let rows = 0;
  for (let warm = 0; warm < 5; warm++) rows = (await images.list(actor, query)).images.length;
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await images.list(actor, query);
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  return {
    cpu: (user + system) / 1000 / rounds,
    rows,
    median: times[times.length >> 1]!,
    p99: times[Math.floor(times.length * 0.99)]!,
  };
}

type Opened = { readonly catalog: Catalog; close(): Promise<string> };

async function openEmbedded(): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-bench-'));
  const file = join(folder, 'catalog.db');
  const catalog = openSqlite(file);
  return {
    catalog,
    async close() {
      await catalog.close();
      const { size } = await stat(file);
      await rm(folder, { recursive: true });
      return `${Math.round(size / 2 ** 20)} MiB`;
    },
  };
}

async function openServer(): Promise<Opened> {
  const cluster = await startCluster({ settings: ['shared_buffers=512MB', 'max_wal_size=4GB'] });
  const catalog = await openPostgresql(cluster.url('postgres'), { poolSize: 4 });
  return {
    catalog,
    async close() {
      const { rows } = await sql<{ size: number }>`select pg_database_size('postgres') as size`.execute(
        catalog.db,
      );
      await catalog.close();
      await cluster.stop();
      return `${Math.round(rows[0]!.size / 2 ** 20)} MiB`;
    },
  };
}

async function run(engine: 'sqlite' | 'postgresql'): Promise<{ cases: Case[]; figures: Figure[] }> {
  const opened = await (engine === 'sqlite' ? openEmbedded() : openServer());
  const { catalog } = opened;
  await migrate(catalog);
  const start = performance.now();
  await fillCatalog(catalog, { images: imageCount, projects }, (made) => {
    if (made % 20_000 === 0) console.error(`${engine}: ${made} images`);
  });
  const seconds = (performance.now() - start) / 1000;
  if (engine === 'postgresql') await sql`vacuum analyze`.execute(catalog.schema);
  const images = createImages({ catalog, settings: otcImageSettings });
  const cases = await makeCases(images);
  const figures: Figure[] = [];
  for (const each of cases) figures.push(await measure(images, each));
  const size = await opened.close();
  console.error(`${engine}: filled with ${Math.round(imageCount / seconds)} images/s, ${size}`);
  return { cases, figures };
}

const engines = (['sqlite', 'postgresql'] as const).filter((engine) => (options.engine ?? engine) === engine);
const found = findPostgres();
const results = new Map<string, { cases: Case[]; figures: Figure[] }>();
for (const engine of engines) {
  if (engine === 'postgresql' && 'missing' in found) console.error(`postgresql left out: ${found.missing}`);
  else results.set(engine, await run(engine));
}
const [first] = results.values();
if (!first) throw new Error('no engine to measure');
const cell = (text: string): string => text.padStart(10);
const shown = (ms: number): string => cell(ms.toFixed(2));
console.log(`${imageCount} images in ${projects} projects; milliseconds`);
console.log(
  `${'list'.padEnd(40)}${[...results.keys()].map((name) => `${cell('rows')}${cell(name.slice(0, 9))}${cell('p99')}${cell('cpu')}`).join('')}`,
);
let misses = 0;
for (const [index, { title }] of first.cases.entries()) {
  const columns = [...results.values()].map(({ figures }) => {
    const { rows, median, p99, cpu } = figures[index]!;
    if (median > targetMs) misses++;
    return `${cell(String(rows))}${shown(median)}${shown(p99)}${shown(cpu)}${median > targetMs ? ' !' : ''}`;
  });
  console.log(`${title.padEnd(40)}${columns.join('')}`);
}
console.log(
  misses === 0 ? `every median is at most ${targetMs} ms` : `${misses} medians above ${targetMs} ms`,
);
if (options.check && misses > 0) process.exitCode = 1;
