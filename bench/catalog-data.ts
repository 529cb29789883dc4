import { createHash } from 'node:crypto';
import type { Catalog, Tx } from '@imageyard/core';
import { insertImages } from '../packages/core/src/catalog/images.ts';
import type { StoredImage } from '../packages/core/src/catalog/images.ts';
import { insertMember } from '../packages/core/src/catalog/images-members.ts';
import { incrementImages } from '../packages/core/src/catalog/images-usage.ts';

/** A catalogue of `images` images, the same each time. */
export interface DataPlan {
  readonly images: number;
  /** Their number of images falls as a power of their rank: of 1000 the first has some 4.6 %. */
  readonly projects: number;
}

/** Shares of values in the made catalogue, for the queries to choose from. */
export const madeTags = { common: 'env=prod', tenth: 'team=web', rare: 'golden' } as const;

const rankPower = 0.72;
const [publicShare, sharedShare, communityShare] = [0.01, 0.02, 0.002];
const batch = 500;
const startMs = Date.UTC(2025, 0, 1);

/** A small generator of numbers in [0, 1) that depends on nothing but its seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function projectName(rank: number): string {
  return createHash('md5').update(`project ${rank}`).digest('hex');
}

/** Picks ranks so that small ones come more often. */
function skewed(count: number): (random: number) => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 0; rank < count; rank++) sums.push((sum += 1 / (rank + 1) ** rankPower));
  return (random) => {
    const wanted = random * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Fill an empty, migrated catalogue. @param progress called now and then with the images made */
export async function fillCatalog(
  catalog: Catalog,
  plan: DataPlan,
  progress: (made: number) => void = () => {},
): Promise<void> {
  const random = randomFrom(1);
  const rank = skewed(plan.projects);
  for (let made = 0; made < plan.images;) {
    const images: StoredImage[] = [];
    for (const end = Math.min(made + batch, plan.images); made < end; made++)
      images.push(makeImage(made, projectName(rank(random())), random));
    await catalog.write(async (tx) => {
      await insertImages(tx, catalog.engine, images);
      for (const image of images) {
        await incrementImages(tx, image.owner, null);
        if (image.visibility === 'shared') await addMembers(tx, image, { random, rank });
      }
    });
    progress(made);
  }
}

async function addMembers(
  tx: Tx,
  image: StoredImage,
  { random, rank }: { random: () => number; rank: (random: number) => number },
): Promise<void> {
  const ranks = new Set(Array.from({ length: 1 + Math.floor(random() * 5) }, () => rank(random())));
  for (const member of ranks) {
    const status = (['accepted', 'accepted', 'pending', 'rejected'] as const)[Math.floor(random() * 4)]!;
    const times = { createdAt: image.createdAt, updatedAt: image.createdAt };
    const row = { imageId: image.id, member: projectName(member), status, ...times };
    await insertMember(tx, row, image.createdAt);
  }
}

function makeImage(index: number, owner: string, random: () => number): StoredImage {
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const hash = createHash('sha512').update(`image ${index}`).digest('hex');
  const createdAt = startMs + index * 60_000 + Math.floor(random() * 60_000);
  const share = random();
  const isQueued = random() < 0.01;
  const sizeBytes = isQueued ? null : Math.floor(random() ** 3 * 40 * 2 ** 30);
  return {
    id: `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`,
    owner,
    name: `${one(['debian', 'ubuntu', 'rocky', 'windows'])}-${Math.floor(index / 4)}`,
    status: isQueued ? 'queued' : 'active',
    visibility:
      share < publicShare
        ? 'public'
        : share < publicShare + sharedShare
          ? 'shared'
          : share < publicShare + sharedShare + communityShare
            ? 'community'
            : 'private',
    isSharedByMembers: false,
    isProtected: random() < 0.05,
    isHidden: random() < 0.01,
    containerFormat: 'bare',
    diskFormat: one(['zvhd2', 'zvhd2', 'qcow2', 'raw', 'vmdk']),
    diskFormatStated: true,
    minDiskGb: one([0, 10, 40, 100]),
    minRamMb: one([0, 0, 1024]),
    sizeBytes,
    virtualSizeBytes: sizeBytes === null ? null : 40 * 2 ** 30,
    md5: sizeBytes === null ? null : hash.slice(0, 32),
    hashAlgorithm: sizeBytes === null ? null : 'sha512',
    hashValue: sizeBytes === null ? null : hash,
    blobId: null,
    createdAt,
    updatedAt: createdAt + Math.floor(random() * 10_000_000),
    activeAt: sizeBytes === null ? null : createdAt + 60_000,
    deletedAt: null,
    ...makeMetadata(index, random),
  };
}

/** 1 to 3 tags, 3 to 8 properties: some on a third of all images, some on every hundredth, one its own. */
function makeMetadata(
  index: number,
  random: () => number,
): Pick<StoredImage, 'tags' | 'properties' | 'platformProperties'> {
  const tags = [`build=${index}`];
  if (random() < 0.3) tags.push(madeTags.common);
  if (random() < 0.1) tags.push(madeTags.tenth);
  else if (random() < 0.01) tags.push(madeTags.rare);
  const properties: Record<string, string> = {
    __os_type: random() < 0.7 ? 'Linux' : 'Windows',
    __os_version: `Other Linux(64 bit) ${Math.floor(random() * 100)}`,
    'owner_specified.openstack.sha256': createHash('sha256').update(String(index)).digest('hex'),
  };
  if (random() < 0.5) properties['hw_firmware_type'] = random() < 0.5 ? 'uefi' : 'bios';
  if (random() < 0.5) properties['hw_disk_bus'] = random() < 0.8 ? 'virtio' : 'scsi';
  if (random() < 0.3) properties['architecture'] = 'x86_64';
  if (random() < 0.3) properties['os_distro'] = `distro-${Math.floor(random() ** 2 * 20)}`;
  if (random() < 0.1) properties['release'] = `r${Math.floor(random() * 1000)}`;
  return { tags, properties, platformProperties: [] };
}
