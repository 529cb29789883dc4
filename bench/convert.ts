/**
 * `node bench/convert.ts [ROUNDS] [MiB]`: the engine's conversion, without hashes, against
 * `qemu-img convert -W -m 4` of the same file, in turn. Prints wall and CPU seconds (medians, all
 * threads) and their ratios; the guest bytes of both results are compared once.
 * `IMAGEYARD_BENCH_FOLDER=/dev/shm/bench` takes the disk out of the figures.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FormatName } from '@imageyard/engine';
import { checkSource, runConversion } from '@imageyard/engine/node';
import { corpusFolder, makeCorpus, median } from '../tests/corpus.ts';

const rounds = Number(process.argv[2] ?? 5);
const mib = Number(process.argv[3] ?? 500);

interface Case {
  readonly name: string;
  readonly source: string;
  readonly from: FormatName;
  readonly to: FormatName;
  /** qemu-img's words for the output. */
  readonly peer: readonly string[];
}
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

const corpus = makeCorpus(mib);
const zstd = corpus.raw.replace(/raw$/, 'zstd.qcow2');
if (!existsSync(zstd)) {
  const options = ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd'];
  execFileSync('qemu-img', ['convert', '-f', 'raw', ...options, corpus.raw, zstd]);
}
const cases: readonly Case[] = [
  { name: 'qcow2 zlib → raw', source: corpus.qcow2, from: 'qcow2', to: 'raw', peer: ['-O', 'raw'] },
  { name: 'qcow2 zstd → raw', source: zstd, from: 'qcow2', to: 'raw', peer: ['-O', 'raw'] },
  { name: 'raw → qcow2', source: corpus.raw, from: 'raw', to: 'qcow2', peer: ['-O', 'qcow2'] },
  { name: 'vmdk stream → qcow2', source: corpus.vmdk, from: 'vmdk', to: 'qcow2', peer: ['-O', 'qcow2'] },
  {
    name: 'raw → zvhd2 (peer: qcow2 zstd)',
    source: corpus.raw,
    from: 'raw',
    to: 'zvhd2',
    peer: ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd'],
  },
];

const folder = mkdtempSync(join(corpusFolder, 'convert-'));
const ours = join(folder, 'ours.out');
const theirs = join(folder, 'theirs.out');

async function runOurs({ source, from, to }: Case): Promise<Cost> {
  rmSync(ours, { force: true });
  const started = performance.now();
  const before = process.cpuUsage();
  await runConversion({
    source: { kind: 'file', path: source },
    sourceFormat: from,
    targetPath: ours,
    targetFormat: to,
    options: { seed: new Uint8Array(16) },
    hashes: [],
  });
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 };
}

function runTheirs({ source, from, peer }: Case): Cost {
  rmSync(theirs, { force: true });
  const started = performance.now();
  // The shell's `times` tells what its children used: "0m1.234s 0m0.567s" on the second line.
  const told = execFileSync('sh', [
    '-c',
    '"$0" "$@" && times',
    'qemu-img',
    'convert',
    '-W',
    '-m',
    '4',
    '-f',
    from,
    ...peer,
    source,
    theirs,
  ]);
  const wall = (performance.now() - started) / 1000;
  const [, children = ''] = told.toString().trim().split('\n');
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
  return { wall, cpu };
}

/** Both show the corpus; what qemu-img can't read is turned into raw first. */
async function compare({ to }: Case): Promise<void> {
  let [file, format] = [ours, to as string];
  if (to === 'zvhd2') {
    const { virtualSize } = await checkSource({ kind: 'file', path: ours });
    file = join(folder, 'back.raw');
    format = 'raw';
    await runConversion({
      source: { kind: 'file', path: ours },
      sourceFormat: to,
      targetPath: file,
      targetFormat: 'raw',
      options: { seed: new Uint8Array(16) },
      hashes: [],
    });
    if (virtualSize % 2 ** 30 !== 0) throw new Error(`a ZVHD2 of ${virtualSize} bytes`);
  }
  execFileSync('qemu-img', ['compare', '-q', '-f', format, '-F', 'raw', file, corpus.raw]);
  rmSync(join(folder, 'back.raw'), { force: true });
}

try {
  console.log(`${rounds} rounds, in turn; seconds are medians; ${folder}\n`);
  console.log('conversion                          wall    peer   ratio     cpu    peer   ratio');
  for (const one of cases) {
    await runOurs(one); // threads started, source in the page cache
    await compare(one);
    const [mine, peer]: [Cost[], Cost[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      mine.push(await runOurs(one));
      peer.push(runTheirs(one));
    }
    const cells = (['wall', 'cpu'] as const).flatMap((kind) => {
      const [a, b] = [median(mine.map((cost) => cost[kind])), median(peer.map((cost) => cost[kind]))];
      return [a, b, a / b];
    });
    console.log(`${one.name.padEnd(32)}${cells.map((cell) => cell.toFixed(2).padStart(8)).join('')}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
