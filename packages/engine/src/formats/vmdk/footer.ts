import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { isAllZero } from '../../bytes/align.ts';
import { u32le } from '../../bytes/integers.ts';
import { diskError, type DiskError } from '../../errors.ts';
import { headerAt, isSparseMagic, parseHeader, SECTOR, type SparseHeader } from './header.ts';
import { markerTypes, noEnd } from './markers.ts';

/** Footer marker, footer, end mark. */
const TAIL_BYTES = 3 * SECTOR;
/** How far from the end an end mark is searched when something was appended behind it. */
const SEARCHED_BYTES = 64 * 1024;

/**
 * The footer of a stream, which repeats the header and knows where the directory is.
 * @returns `undefined` where the stream may be complete without one: its markers must be walked
 * @throws {DiskError} `disk-truncated` without an end mark, `disk-corrupt` for bytes behind it or a
 *   footer that is damaged, `disk-ambiguous` where header and footer describe different disks
 */
export async function readFooter(
  file: RandomAccess,
  header: SparseHeader,
): Promise<SparseHeader | undefined> {
  if (file.size < SECTOR + TAIL_BYTES) throw noEnd(file.size);
  const at = file.size - TAIL_BYTES;
  const tail = await readBytes(file, at, TAIL_BYTES);
  const isEnded = isAllZero(tail.subarray(2 * SECTOR));
  if (!isEnded) throw await whyNoEnd(file);
  if (!isSparseMagic(tail.subarray(SECTOR, 2 * SECTOR))) return undefined;
  const marker = tail.subarray(0, SECTOR);
  if (u32le(marker, 8) !== 0 || u32le(marker, 12) !== markerTypes.footer || !isAllZero(marker.subarray(16))) {
    const where = { format: 'vmdk', field: 'footer_marker', offset: at };
    throw diskError('disk-corrupt', where, 'the mark in front of the footer is damaged');
  }
  const footer = parseHeader(tail.subarray(SECTOR, 2 * SECTOR), at + SECTOR);
  requireSameDisk(header, footer);
  return footer;
}

/** The file does not end with an end mark: was something appended, or is the end missing? */
async function whyNoEnd(file: RandomAccess): Promise<DiskError> {
  const lastSector = file.size - (file.size % SECTOR);
  const start = Math.max(0, lastSector - SEARCHED_BYTES);
  const bytes = await readBytes(file, start, lastSector - start);
  for (let at = bytes.length - SECTOR; at >= 2 * SECTOR; at -= SECTOR) {
    const isFooter =
      isAllZero(bytes.subarray(at, at + SECTOR)) &&
      isSparseMagic(bytes.subarray(at - SECTOR, at)) &&
      u32le(bytes, at - 2 * SECTOR + 12) === markerTypes.footer;
    if (!isFooter) continue;
    const end = start + at + SECTOR;
    const where = { format: 'vmdk', field: 'end_of_stream', offset: end, value: file.size - end };
    return diskError('disk-corrupt', where, `${file.size - end} bytes after the end mark`, 'cut them off');
  }
  return noEnd(file.size);
}

function requireSameDisk(header: SparseHeader, footer: SparseHeader): void {
  const fields = [
    ['version', headerAt.version, header.version, footer.version, 'disk-corrupt'],
    ['capacity', headerAt.capacity, header.capacity, footer.capacity, 'disk-ambiguous'],
    ['grain_size', headerAt.grainSize, header.grainSectors, footer.grainSectors, 'disk-ambiguous'],
    [
      'descriptor_offset',
      headerAt.descriptorOffset,
      header.descriptorOffset,
      footer.descriptorOffset,
      'disk-corrupt',
    ],
    [
      'descriptor_size',
      headerAt.descriptorSize,
      header.descriptorSectors,
      footer.descriptorSectors,
      'disk-corrupt',
    ],
    ['table_entries', headerAt.tableEntries, header.tableEntries, footer.tableEntries, 'disk-ambiguous'],
  ] as const;
  const different = fields.find(([, , ours, theirs]) => ours !== theirs);
  if (!different) return;
  const [field, at, ours, theirs, kind] = different;
  const where = { format: 'vmdk', field, offset: footer.fields.offset + at, value: theirs };
  throw diskError(kind, where, `the header says ${ours}, the footer ${theirs}`);
}
