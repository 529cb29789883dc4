import * as fc from 'fast-check';
import { createImages, glanceImageSettings } from '@imageyard/core';
import type {
  Catalog,
  Image,
  ImageChange,
  ImageDraft,
  ImageFilter,
  ImageListQuery,
  Images,
  MemberStatus,
} from '@imageyard/core';
import type { Model } from './images-model.ts';
import { actorOf } from './people.ts';

/** Few values, so that they meet; odd ones, so that quoting, byte order and cuts are tried. */
export const projects = ['p1', 'p2', 'p3'] as const;
const names = ['', 'a', 'A', 'b', 'ä', '😀', '\uffee', "o'clock", 'x'.repeat(255)] as const;
const values = [
  '',
  '1',
  'true',
  "'; drop table images;--",
  'é'.repeat(150),
  `${'v'.repeat(250)}1`,
  `${'v'.repeat(250)}2`,
] as const;
const tags = ['t', 'T', 'k=v', 'k.v', 't=1', 'x'.repeat(255)] as const;
const propertyNames = ['os', 'owner_specified.openstack.md5', 'x=y', 'constructor', 'a/b'] as const;
const formats = ['raw', 'qcow2', null] as const;
/** Three seconds with two times in each. */
const times = [10_000, 10_400, 11_000, 11_999, 12_000, 12_001] as const;
const sizes = [0, 1, 512, 2 ** 40] as const;
const statuses = ['pending', 'accepted', 'rejected'] as const satisfies readonly MemberStatus[];

const pick = <T>(all: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...all);
const some = <T>(all: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...all]);

export interface Plan {
  readonly draft: ImageDraft & { readonly owner: string };
  readonly at: number;
  readonly size: number | null;
  readonly members: readonly (readonly [project: string, status: MemberStatus])[];
  /** What is done to it afterwards. */
  readonly changes: readonly ImageChange[];
  readonly isDeleted: boolean;
}

const change: fc.Arbitrary<ImageChange> = fc
  .oneof(
    fc.record({ name: fc.constant('visibility'), value: pick(['private', 'shared', 'community', 'public']) }),
    fc.record({ name: fc.constant('owner'), value: pick(projects) }),
    fc.record({ name: fc.constant('name'), value: fc.option(pick(names)) }),
    fc.record({ name: fc.constant('tags'), value: some(tags) }),
    fc.record({ name: pick(propertyNames), value: pick(values) }),
  )
  .map((set) => ({ op: 'add' as const, ...set }));

export const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    draft: fc.record({
      owner: pick(projects),
      name: fc.option(pick(names)),
      visibility: pick(['private', 'shared', 'shared', 'community', 'public'] as const),
      isProtected: fc.boolean(),
      isHidden: fc.constantFrom(false, false, false, true),
      containerFormat: pick(['bare', 'ova', null] as const),
      diskFormat: pick(formats),
      minDiskGb: pick([0, 0, 40]),
      minRamMb: pick([0, 512]),
      tags: some(tags),
      properties: fc.dictionary(pick(propertyNames), pick(values), { noNullPrototype: true }),
    }),
    at: pick(times),
    size: fc.option(pick(sizes)),
    members: fc.uniqueArray(fc.tuple(pick(projects), pick(statuses)), {
      selector: ([project]) => project,
      maxLength: 2,
    }),
    changes: fc.oneof(fc.constant([]), fc.array(change, { maxLength: 3 })),
    isDeleted: fc.constantFrom(false, false, false, false, true),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** Filters; ids are filled in from the images that were made. */
const filter: fc.Arbitrary<ImageFilter> = fc.oneof(
  fc
    .oneof(
      fc.record({ name: fc.constant('name' as const), values: some([...names, 'absent']) }),
      fc.record({ name: fc.constant('status' as const), values: some(['queued', 'active', 'killed']) }),
      fc.record({
        name: fc.constant('owner' as const),
        values: fc.oneof(
          some([...projects, 'p9']),
          pick(projects).map((p) => [p]),
        ),
      }),
      fc.record({ name: fc.constant('disk_format' as const), values: some(['raw', 'qcow2', '']) }),
      fc.record({ name: fc.constant('container_format' as const), values: some(['bare', 'ova', '']) }),
      fc.record({ name: fc.constant('checksum' as const), values: some(sizes.map((size) => `md5-${size}`)) }),
      fc.record({
        name: fc.constant('os_hash_value' as const),
        values: some(sizes.map((size) => `sha-${size}`)),
      }),
      fc.record({ name: fc.constant('os_hash_algo' as const), values: some(['sha512', 'md5']) }),
    )
    .map((anyOf) => ({ kind: 'anyOf' as const, ...anyOf })),
  fc.record({
    kind: fc.constant('integer' as const),
    name: pick(['min_disk', 'min_ram'] as const),
    value: pick([0, 40, 512]),
  }),
  fc.record({
    kind: fc.constant('integer' as const),
    name: fc.constant('size' as const),
    value: pick([0, 1, 2]),
  }),
  fc.record({
    kind: fc.constant('flag' as const),
    name: pick(['protected', 'os_hidden'] as const),
    value: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('size' as const),
    bound: pick(['min', 'max'] as const),
    bytes: pick([-1, ...sizes]),
  }),
  fc.record({
    kind: fc.constant('time' as const),
    name: pick(['created_at', 'updated_at'] as const),
    op: pick(['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const),
    ms: pick([...times, 10_999]),
  }),
  fc.record({ kind: fc.constant('tag' as const), values: some([...tags, 'absent']) }),
  fc.record({
    kind: fc.constant('property' as const),
    name: pick([...propertyNames, 'absent']),
    value: pick(values),
  }),
);

export const queries: fc.Arbitrary<Omit<ImageListQuery, 'marker'>> = fc.record(
  {
    visibility: pick([undefined, undefined, 'all', 'private', 'shared', 'community', 'public'] as const),
    memberStatus: pick([undefined, 'all', ...statuses] as const),
    filters: fc.oneof(fc.constant([]), fc.array(filter, { maxLength: 3 })),
    sort: fc.uniqueArray(
      fc.record({
        key: pick([
          'name',
          'status',
          'container_format',
          'disk_format',
          'size',
          'created_at',
          'updated_at',
        ] as const),
        direction: pick(['asc', 'desc'] as const),
      }),
      { selector: ({ key }) => key, maxLength: 3 },
    ),
    limit: pick([1, 2, 3, 7, 1000]),
    deleted: fc.constantFrom(false, false, false, false, true),
  },
  { requiredKeys: ['limit', 'filters', 'sort'] },
);

/** Make the planned images through the room's own functions. @returns what the catalogue then holds */
export async function build(
  catalog: Catalog,
  planned: readonly Plan[],
): Promise<{ images: Images; model: Model }> {
  let now = 0;
  const images = createImages({ catalog, settings: glanceImageSettings, clock: () => now });
  const admin = actorOf('p0', { admin: true });
  const made: Image[] = [];
  const members = new Map<string, Map<string, MemberStatus>>();
  for (const plan of planned) {
    now = plan.at;
    const { visibility } = plan.draft;
    const image = await images.create(admin, {
      ...plan.draft,
      visibility: visibility === 'shared' ? 'private' : visibility,
    });
    if (visibility === 'shared') {
      await images.update(admin, image.id, [{ op: 'replace', name: 'visibility', value: 'shared' }]);
      for (const [project, status] of plan.members) {
        await images.members.add(admin, image.id, project);
        await images.members.setStatus(admin, image.id, project, status);
      }
      if (!plan.isDeleted) members.set(image.id, new Map(plan.members));
    }
    if (plan.size !== null) await giveData(catalog, images, image.id, plan.size);
    await images.update(admin, image.id, plan.changes);
    if (plan.isDeleted) {
      if (image.isProtected)
        await images.update(admin, image.id, [{ op: 'replace', name: 'protected', value: false }]);
      const removed = await catalog.write((tx) => images.remove(tx, admin, image.id));
      made.push({ ...removed.image, status: 'deleted', blobId: null });
    } else {
      made.push(await images.get(admin, image.id));
    }
  }
  return { images, model: { images: made, members } };
}

async function giveData(catalog: Catalog, images: Images, id: string, sizeBytes: number): Promise<void> {
  const blob = { state: 'live', kind: 'whole', size: sizeBytes, created_at: 1 } as const;
  await catalog.write(async (tx) => {
    await tx
      .insertInto('blobs')
      .values({ id, ...blob } as never)
      .execute();
    await images.beginSaving(tx, id);
    await images.activate(tx, id, {
      blobId: id,
      sizeBytes,
      virtualSizeBytes: null,
      md5: `md5-${sizeBytes}`,
      hashAlgorithm: 'sha512',
      hashValue: `sha-${sizeBytes}`,
      diskFormat: 'raw',
      properties: {},
    });
  });
}
