import type { Actor, Image, ImageFilter, ImageListQuery, ImageSort, MemberStatus } from '@imageyard/core';

/** What the whole catalogue holds, in plain arrays. */
export interface Model {
  readonly images: readonly Image[];
  /** `image id` → `project` → what it answered. */
  readonly members: ReadonlyMap<string, ReadonlyMap<string, MemberStatus>>;
}

/** The list that a query should give, written as the specification reads: filter all, sort all, cut. */
export function modelList(model: Model, actor: Actor, query: ImageListQuery): string[] {
  const filters = query.filters ?? [];
  const asksHidden = filters.some((filter) => filter.kind === 'flag' && filter.name === 'os_hidden');
  const sort = [...(query.sort?.length ? query.sort : [{ key: 'created_at', direction: 'desc' } as const])];
  sort.push({ key: 'id', direction: sort.at(-1)!.direction });
  const all = model.images
    .filter((image) => isListed(model, actor, query, image))
    .filter((image) => asksHidden || !image.isHidden)
    .filter((image) => filters.every((filter) => matches(image, filter)))
    .sort((a, b) => compare(sort, a, b));
  const marker = model.images.find(({ id }) => id === query.marker);
  const rest = marker ? all.filter((image) => compare(sort, image, marker) > 0) : all;
  return rest.slice(0, Math.min(query.limit, 1000)).map(({ id }) => id);
}

function isListed(model: Model, actor: Actor, query: ImageListQuery, image: Image): boolean {
  const { visibility, memberStatus = 'accepted', deleted = false } = query;
  const isMine = image.owner === actor.projectId;
  if (deleted !== (image.status === 'deleted')) return false;
  if (deleted) return isMine;
  if (visibility !== undefined && visibility !== 'all' && image.visibility !== visibility) return false;
  if (isMine) return true;
  if (image.visibility === 'community') return visibility === 'community' || visibility === 'all';
  if (actor.isAdmin || image.visibility === 'public') return true;
  const answer = model.members.get(image.id)?.get(actor.projectId ?? '');
  return (
    image.visibility === 'shared' &&
    answer !== undefined &&
    (memberStatus === 'all' || answer === memberStatus)
  );
}

const second = (ms: number): number => Math.floor(ms / 1000);

function matches(image: Image, filter: ImageFilter): boolean {
  switch (filter.kind) {
    case 'anyOf': {
      const value = columns[filter.name](image);
      return value !== null && filter.values.some((wanted) => wanted === value);
    }
    case 'integer':
      return (
        { min_disk: image.minDiskGb, min_ram: image.minRamMb, size: image.sizeBytes }[filter.name] ===
        filter.value
      );
    case 'flag':
      return (filter.name === 'protected' ? image.isProtected : image.isHidden) === filter.value;
    case 'size':
      return (
        image.sizeBytes !== null &&
        (filter.bound === 'min' ? image.sizeBytes >= filter.bytes : image.sizeBytes <= filter.bytes)
      );
    case 'time': {
      const [value, wanted] = [
        second(filter.name === 'created_at' ? image.createdAt : image.updatedAt),
        second(filter.ms),
      ];
      return {
        gt: value > wanted,
        gte: value >= wanted,
        lt: value < wanted,
        lte: value <= wanted,
        eq: value === wanted,
        neq: value !== wanted,
      }[filter.op];
    }
    case 'tag':
      return filter.values.some((tag) => image.tags.includes(tag));
    case 'property':
      return Object.hasOwn(image.properties, filter.name) && image.properties[filter.name] === filter.value;
    case 'none':
      return false;
  }
}

const columns: Record<(ImageFilter & { kind: 'anyOf' })['name'], (image: Image) => string | null> = {
  id: (image) => image.id,
  name: (image) => image.name,
  status: (image) => image.status,
  owner: (image) => image.owner,
  container_format: (image) => image.containerFormat,
  disk_format: (image) => image.diskFormat,
  checksum: (image) => image.md5,
  os_hash_algo: (image) => image.hashAlgorithm,
  os_hash_value: (image) => image.hashValue,
};

const keys: Record<ImageSort['key'], (image: Image) => string | number> = {
  id: (image) => image.id,
  name: (image) => image.name ?? '',
  status: (image) => image.status,
  container_format: (image) => image.containerFormat ?? '',
  disk_format: (image) => image.diskFormat ?? '',
  size: (image) => image.sizeBytes ?? -1,
  created_at: (image) => image.createdAt,
  updated_at: (image) => image.updatedAt,
};

function compare(sort: readonly ImageSort[], a: Image, b: Image): number {
  for (const { key, direction } of sort) {
    const order = compareValues(keys[key](a), keys[key](b));
    if (order !== 0) return direction === 'asc' ? order : -order;
  }
  return 0;
}

/** Texts in the order of their bytes, as both engines do. */
function compareValues(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
