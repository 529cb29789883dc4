import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import type { Fields } from '../../bytes/fields.ts';
import { isPowerOfTwo } from '../../bytes/align.ts';
import { cutShort } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import {
  at,
  BITMAP_SEGMENT,
  BLOCKS_PER_SEGMENT,
  compressions,
  DISK_TYPE,
  fieldsOf,
  FORMAT_VERSION,
  hasCookie,
  HEADER_BYTES,
  INDEX_SEGMENT,
  isChecksumRight,
  UNIT,
  type ZvhdName,
} from './header.ts';

const MiB = 1024 * 1024;
/** How far from the end a mark is looked for, to tell rubbish behind it from a file cut short. */
const SEARCH_BYTES = 64 * 1024;

/** A field as findings name it. */
const field = (fields: Fields, name: string, offset: number, value: number) => ({
  field: name,
  offset: fields.offset + offset,
  value,
});

export function checkHeader(fields: Fields, checks: Checks): void {
  if (!hasCookie(fields.bytes, fields.format as ZvhdName)) {
    checks.refused('cookie', 'disk-corrupt', 'the cookie is missing', {
      field: 'cookie',
      offset: fields.offset,
    });
    return;
  }
  const sum = field(fields, 'checksum', at.checksum, fields.u32(at.checksum));
  if (isChecksumRight(fields)) checks.passed('checksum', 'the header checksum is right', sum);
  else checks.refused('checksum', 'disk-corrupt', 'the header checksum is wrong', sum);
  const version = fields.u32(at.formatVersion);
  const versionField = field(fields, 'format_version', at.formatVersion, version);
  if (version !== FORMAT_VERSION)
    checks.refused('version', 'disk-unsupported', `format version ${version}`, versionField);
  const type = fields.u32(at.diskType);
  const typeField = field(fields, 'disk_type', at.diskType, type);
  if (type !== DISK_TYPE)
    checks.refused('disk-type', 'disk-unsupported', `disk type ${type}, ${DISK_TYPE} is known`, typeField);
  checkSizes(fields, checks);
}

function checkSizes(fields: Fields, checks: Checks): void {
  for (const [name, offset] of [
    ['original_size', at.originalSize],
    ['current_size', at.currentSize],
  ] as const) {
    checks.attempt('virtual-size', () =>
      checkVirtualSize(fields.u64(offset, name), {
        format: fields.format,
        field: name,
        offset: fields.offset + offset,
      }),
    );
  }
  if (checks.findings.some((f) => f.level === 'refused')) return;
  const original = fields.u64(at.originalSize, 'original_size');
  const current = fields.u64(at.currentSize, 'current_size');
  const where = field(fields, 'current_size', at.currentSize, current);
  if (original > current)
    checks.refused(
      'sizes',
      'disk-corrupt',
      `original size ${original} is larger than current size ${current}`,
      where,
    );
  else if (original === current) checks.passed('sizes', `${current} bytes`, where);
  else checks.noted('sizes', `the source had ${original} bytes, the disk shows ${current}`, where);
}

/** ZVHD2's own fields that stand in every header. */
export function checkBlocks(fields: Fields, checks: Checks): void {
  const version = fields.u8(at.version);
  const versionField = field(fields, 'version', at.version, version);
  if (version > 1)
    checks.refused(
      'zvhd2-version',
      'disk-unsupported',
      `version ${version}, 0 and 1 are known`,
      versionField,
    );
  else if (version === 0) checks.noted('zvhd2-version', 'no index, the blocks are walked', versionField);
  else checks.passed('zvhd2-version', 'version 1, with an index', versionField);

  const size = fields.u32(at.blockSize);
  const sizeField = field(fields, 'block_size', at.blockSize, size);
  if (!isPowerOfTwo(size) || size < MiB || size > limits.zvhdBlockBytes) {
    checks.refused(
      'block-size',
      'disk-corrupt',
      `block size ${size} is not a power of two from ${MiB} to ${limits.zvhdBlockBytes}`,
      sizeField,
    );
    return;
  }
  checks.passed('block-size', `blocks of ${size} bytes`, sizeField);
  const count = fields.u32(at.blockCount);
  const needed = Math.ceil(fields.u64(at.originalSize, 'original_size') / size);
  const countField = field(fields, 'block_count', at.blockCount, count);
  if (count === needed) checks.passed('block-count', `${count} blocks`, countField);
  else
    checks.refused(
      'block-count',
      'disk-corrupt',
      `${count} blocks, the original size makes ${needed}`,
      countField,
    );
}

/** What only the final header knows: compression, index, bitmap. */
export function checkPlaces(fields: Fields, fileSize: number, checks: Checks): void {
  const compression = fields.u8(at.compression);
  const compressionField = field(fields, 'compression', at.compression, compression);
  if (compression > compressions.zstd)
    checks.refused(
      'compression',
      'disk-unsupported',
      `compression ${compression}, 0 and 1 are known`,
      compressionField,
    );
  else checks.passed('compression', compression === compressions.zlib ? 'zlib' : 'zstd', compressionField);
  const holdsZeros = fields.u8(at.indexHoldsZeroBlocks);
  const zerosField = field(fields, 'index_holds_zero_blocks', at.indexHoldsZeroBlocks, holdsZeros);
  if (holdsZeros > 1)
    checks.refused('index-kind', 'disk-unsupported', `${holdsZeros}, 0 and 1 are known`, zerosField);

  const blocks = fields.u32(at.blockCount);
  const stored = fields.u32(at.storedBlocks);
  const storedField = field(fields, 'non_zero_blocks', at.storedBlocks, stored);
  if (stored > blocks)
    checks.refused('stored-blocks', 'disk-corrupt', `${stored} stored blocks of ${blocks}`, storedField);

  const entries = stored === 0 ? 0 : holdsZeros === 1 ? blocks : stored;
  checkTable(fields, checks, {
    name: 'index',
    segments: at.indexSegments,
    size: at.indexSize,
    segmentSize: at.indexSegmentSize,
    expectedSegmentSize: INDEX_SEGMENT,
    expected: segmentsFor(entries),
    alsoAllowed: holdsZeros === 1 ? segmentsFor(blocks) : undefined,
  });
  checkTable(fields, checks, {
    name: 'bitmap',
    segments: at.bitmapSegments,
    size: at.bitmapSize,
    segmentSize: at.bitmapSegmentSize,
    expectedSegmentSize: BITMAP_SEGMENT,
    expected: segmentsFor(blocks),
    alsoAllowed: undefined,
  });
  checkOrder(fields, fileSize, checks);
}

const segmentsFor = (entries: number): number => Math.ceil(entries / BLOCKS_PER_SEGMENT);

interface TableRule {
  readonly name: string;
  readonly segments: number;
  readonly size: number;
  readonly segmentSize: number;
  readonly expectedSegmentSize: number;
  readonly expected: number;
  /** Segments of a table that holds nothing but zeros. */
  readonly alsoAllowed: number | undefined;
}

function checkTable(fields: Fields, checks: Checks, rule: TableRule): void {
  const { name, expectedSegmentSize } = rule;
  const segmentSize = fields.u32(rule.segmentSize);
  if (segmentSize !== expectedSegmentSize) {
    const where = field(fields, `${name}_segment_size`, rule.segmentSize, segmentSize);
    checks.refused(
      name,
      'disk-corrupt',
      `segments of ${segmentSize} bytes, they have ${expectedSegmentSize}`,
      where,
    );
  }
  const segments = fields.u32(rule.segments);
  if (segments !== rule.expected && segments !== rule.alsoAllowed) {
    const where = field(fields, `${name}_segments`, rule.segments, segments);
    checks.refused(name, 'disk-corrupt', `${segments} segments, the disk makes ${rule.expected}`, where);
  }
  const size = fields.u32(rule.size);
  if (size !== segments * expectedSegmentSize) {
    const where = field(fields, `${name}_size`, rule.size, size);
    checks.refused(
      name,
      'disk-corrupt',
      `${size} bytes, ${segments} segments have ${segments * expectedSegmentSize}`,
      where,
    );
  }
}

/** first header | blocks | header copy | index | bitmap | final header */
function checkOrder(fields: Fields, fileSize: number, checks: Checks): void {
  const index = fields.u64(at.indexOffset, 'index_offset');
  const bitmap = fields.u64(at.bitmapOffset, 'bitmap_offset');
  const indexEnd = index + fields.u32(at.indexSize);
  const bitmapEnd = bitmap + fields.u32(at.bitmapSize);
  const indexField = field(fields, 'index_offset', at.indexOffset, index);
  const bitmapField = field(fields, 'bitmap_offset', at.bitmapOffset, bitmap);
  if (index % UNIT !== 0 || index < 2 * UNIT)
    checks.refused('index', 'disk-corrupt', `the index stands at byte ${index}`, indexField);
  if (bitmap % UNIT !== 0 || bitmap < indexEnd)
    checks.refused(
      'bitmap',
      'disk-corrupt',
      `the bitmap stands at byte ${bitmap}, the index ends at ${indexEnd}`,
      bitmapField,
    );
  if (bitmapEnd > fileSize - UNIT)
    checks.refused(
      'bitmap',
      'disk-corrupt',
      `the bitmap ends at byte ${bitmapEnd}, the final header stands at ${fileSize - UNIT}`,
      bitmapField,
    );
}

/**
 * The header in the last unit. When it is not there: was the file cut, or did something come behind it?
 * @returns undefined when refused
 */
export async function checkEnd(
  file: RandomAccess,
  format: ZvhdName,
  isFinal: (fields: Fields) => boolean,
  checks: Checks,
): Promise<Fields | undefined> {
  const from = Math.max(UNIT, Math.floor((file.size - SEARCH_BYTES) / UNIT) * UNIT);
  const tail = from < file.size ? await readBytes(file, from, file.size - from) : new Uint8Array(0);
  for (let start = Math.floor(tail.length / UNIT) * UNIT; start >= 0; start -= UNIT) {
    const bytes = tail.subarray(start, start + HEADER_BYTES);
    if (bytes.length < HEADER_BYTES || !hasCookie(bytes, format)) continue;
    const fields = fieldsOf(bytes, format, from + start);
    const end = from + start + UNIT;
    if (!isFinal(fields) || end > file.size) break;
    if (end === file.size) return fields;
    const where = { field: 'end', offset: end, value: file.size - end };
    checks.refused(
      'end',
      'disk-corrupt',
      `${file.size - end} bytes after the end mark`,
      where,
      'upload the file as it was written',
    );
    return undefined;
  }
  const where = { field: 'end', offset: file.size };
  checks.refused('end', 'disk-truncated', 'the last unit is not the final header', where, cutShort);
  return undefined;
}

/** Two headers of one file must show the same disk (hazard H29). */
export function checkSame(
  first: Fields,
  last: Fields,
  checks: Checks,
  names: readonly [string, number, number][],
): void {
  let same = true;
  for (const [name, offset, length] of names) {
    if (first.hex(offset, length) === last.hex(offset, length)) continue;
    same = false;
    const fact = `${name} is ${first.hex(offset, length)} in the first header and ${last.hex(offset, length)} in the last`;
    checks.refused('headers', 'disk-ambiguous', fact, { field: name, offset: last.offset + offset });
  }
  if (same) checks.passed('headers', 'first and last header agree');
}

export const sharedFields: readonly [string, number, number][] = [
  ['original_size', at.originalSize, 8],
  ['current_size', at.currentSize, 8],
  ['disk_type', at.diskType, 4],
  ['uuid', at.uuid, 16],
];
export const blockFields: readonly [string, number, number][] = [
  ['version', at.version, 1],
  ['block_size', at.blockSize, 4],
  ['block_count', at.blockCount, 4],
];
