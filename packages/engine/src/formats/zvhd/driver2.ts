import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import type { Fields } from '../../bytes/fields.ts';
import type { Codec, Disk, DiskFacts, FileRange } from '../../disk/disk.ts';
import { diskError } from '../../errors.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { BlockIndex, type IndexPlaces } from './block-index.ts';
import { commonDetails, readFirst } from './driver.ts';
import { at, compressions, hasCookie, UNIT } from './header.ts';
import { zvhd2Layout } from './layout.ts';
import { blockExtents, type BlockSizes, type StoredBlock } from './map.ts';
import { readRecord, type RecordRules } from './record.ts';
import {
  blockFields,
  checkBlocks,
  checkEnd,
  checkHeader,
  checkPlaces,
  checkSame,
  sharedFields,
} from './safety.ts';
import { RecordWalk } from './walk.ts';

const format = 'zvhd2';

/** ZVHD2: blocks packed each for itself, index and bitmap at the end of the file. */
export const zvhd2: FormatDriver = {
  name: format,
  matches: ({ head }) => hasCookie(head, format),
  open: openZvhd2,
  layout: zvhd2Layout,
};

async function openZvhd2(file: RandomAccess): Promise<Disk> {
  const first = await readFirst(file, format);
  const checks = new Checks(format);
  checkHeader(first, checks);
  checks.throwIfRefused();
  checkBlocks(first, checks);
  checks.throwIfRefused();
  const hasIndex = first.u8(at.version) === 1;
  const virtualSize = first.u64(at.currentSize, 'current_size');
  // The copy that stands before the index is no end: it names no bitmap.
  const isFinal = (fields: Fields): boolean => !hasIndex || fields.u32(at.bitmapSegments) > 0;
  const last = await checkEnd(file, format, isFinal, checks);
  if (last && hasIndex) {
    checkHeader(last, checks);
    checkSame(first, last, checks, [...sharedFields, ...blockFields]);
    if (!checks.findings.some((f) => f.level === 'refused')) checkPlaces(last, file.size, checks);
  }
  checks.throwIfRefused({ facts: factsOf(last ?? first), virtualSize });
  const shape = shapeOf(first, hasIndex ? last! : first, file.size);
  const rest = { file, virtualSize, facts: factsOf(shape.header), findings: checks.findings };
  return hasIndex
    ? { ...rest, canonical: true, ...(await indexed(file, shape)) }
    : { ...rest, canonical: false, ...walked(file, shape) };
}

interface Shape {
  /** The header that is complete. */
  readonly header: Fields;
  readonly sizes: BlockSizes;
  readonly rules: RecordRules;
  readonly codec: Codec;
}

function shapeOf(first: Fields, header: Fields, fileSize: number): Shape {
  const blockSize = first.u32(at.blockSize);
  const originalSize = first.u64(at.originalSize, 'original_size');
  const virtualSize = first.u64(at.currentSize, 'current_size');
  const limit = header === first ? fileSize - UNIT : header.u64(at.indexOffset, 'index_offset') - UNIT;
  const isZlib = header.u8(at.compression) === compressions.zlib;
  return {
    header,
    sizes: { blockSize, originalSize, virtualSize },
    rules: { format, blockSize, blockCount: first.u32(at.blockCount), limit },
    codec: isZlib ? { kind: 'zlib-sync' } : { kind: 'zstd', declaredSize: 'exact' },
  };
}

type Mapped = Pick<Disk, 'metadata' | 'extents' | 'entryOf'>;

async function indexed(file: RandomAccess, { header, sizes, rules, codec }: Shape): Promise<Mapped> {
  const places: IndexPlaces = {
    indexOffset: header.u64(at.indexOffset, 'index_offset'),
    bitmapOffset: header.u64(at.bitmapOffset, 'bitmap_offset'),
    blockCount: rules.blockCount,
    storedBlocks: header.u32(at.storedBlocks),
    holdsZeroBlocks: header.u8(at.indexHoldsZeroBlocks) === 1,
    recordsEnd: rules.limit,
  };
  if (!hasCookie(await readBytes(file, rules.limit, UNIT), format)) {
    const where = { format, field: 'header copy', offset: rules.limit };
    throw diskError('disk-corrupt', where, 'the header copy before the index is missing');
  }
  const index = await BlockIndex.open(file, places);
  async function* blocks(guestOffset: number): AsyncGenerator<StoredBlock> {
    for await (const entry of index.stored(Math.floor(guestOffset / sizes.blockSize))) {
      const record = await readRecord(file, entry.offset, rules, entry.paddedLength);
      if (record?.block !== entry.block) {
        const where = { format, field: 'block_number', offset: entry.offset + 16 };
        const fact = record ? `the record is about block ${record.block}` : 'there is no record';
        throw diskError('disk-corrupt', where, `${fact}, the index about block ${entry.block}`);
      }
      yield { ...record, codec };
    }
  }
  return {
    metadata: [
      { name: 'header', offset: 0, length: UNIT },
      { name: 'header copy', offset: rules.limit, length: UNIT },
      { name: 'index', offset: places.indexOffset, length: header.u32(at.indexSize) },
      { name: 'bitmap', offset: places.bitmapOffset, length: header.u32(at.bitmapSize) },
      { name: 'final header', offset: file.size - UNIT, length: UNIT },
    ],
    extents: (guestOffset) => blockExtents(file, sizes, guestOffset, blocks(guestOffset)),
    entryOf: (guestOffset) => index.entryOf(Math.floor(guestOffset / sizes.blockSize)),
  };
}

/** Version 0: no index, the records are walked. */
function walked(file: RandomAccess, { sizes, rules, codec }: Shape): Mapped {
  const walk = new RecordWalk(file, rules);
  async function* blocks(guestOffset: number): AsyncGenerator<StoredBlock> {
    for await (const record of walk.fromBlock(Math.floor(guestOffset / sizes.blockSize))) {
      yield { ...record, codec };
    }
  }
  const metadata: FileRange[] = [
    { name: 'header', offset: 0, length: UNIT },
    { name: 'header copy', offset: rules.limit, length: UNIT },
  ];
  return { metadata, extents: (guestOffset) => blockExtents(file, sizes, guestOffset, blocks(guestOffset)) };
}

function factsOf(header: Fields): DiskFacts {
  return {
    format,
    subformat: header.u8(at.version) === 0 ? 'v0' : 'v1',
    unitSize: header.u32(at.blockSize),
    compression: header.u8(at.compression) === compressions.zlib ? 'zlib' : 'zstd',
    details: { ...commonDetails(header), storedBlocks: header.u32(at.storedBlocks) },
  };
}
