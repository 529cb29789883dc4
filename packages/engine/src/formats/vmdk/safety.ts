import { isPowerOfTwo } from '../../bytes/align.ts';
import { cutShort } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Checks } from '../checks.ts';
import { SPLIT_PART, WHOLE_DISK } from './descriptor-safety.ts';
import { flags, hasFlag, hasNewlines, headerAt, SECTOR, type SparseHeader } from './header.ts';

const KNOWN_FLAGS = Object.values(flags).reduce((all, flag) => all + flag, 0);

/** Version, damage in transfer, features: can this header be read at all? */
export function checkHeader(header: SparseHeader, checks: Checks): void {
  const version = { field: 'version', offset: headerAt.version, value: header.version };
  if (header.version >= 1 && header.version <= 3)
    checks.passed('version', `version ${header.version}`, version);
  else checks.refused('version', 'disk-unsupported', `version ${header.version} is unknown`, version);

  const newlines = { field: 'newline_check', offset: headerAt.newlines };
  if (hasFlag(header, flags.newlineCheck) && !hasNewlines(header)) {
    const wayOut = 'transfer it again as binary';
    checks.refused(
      'newlines',
      'disk-corrupt',
      'it was transferred in text mode, which changes bytes',
      newlines,
      wayOut,
    );
  } else checks.passed('newlines', 'not changed by a transfer in text mode', newlines);

  const unclean = { field: 'unclean_shutdown', offset: headerAt.unclean };
  if (header.isUnclean)
    checks.noted('unclean', 'it was not closed in order; all its tables are checked', unclean);
  else checks.passed('unclean', 'closed in order', unclean);
  if ((header.flags & ~KNOWN_FLAGS) !== 0) {
    const flagsAt = { field: 'flags', offset: headerAt.flags, value: header.flags };
    checks.noted('flags', `flags 0x${header.flags.toString(16)} hold bits that are unknown here`, flagsAt);
  }
  checkCompression(header, checks);
}

function checkCompression(header: SparseHeader, checks: Checks): void {
  const where = { field: 'compression', offset: headerAt.compression, value: header.compression };
  const compressed = hasFlag(header, flags.compressedGrains);
  if (header.compression > 1) {
    checks.refused('compression', 'disk-unsupported', `compression ${header.compression} is unknown`, where);
  } else if (compressed !== (header.compression === 1) || compressed !== hasFlag(header, flags.markers)) {
    const fact = `compression ${header.compression} and flags 0x${header.flags.toString(16)} contradict each other`;
    checks.refused('compression', 'disk-corrupt', fact, where);
  } else checks.passed('compression', compressed ? 'grains are compressed' : 'grains are plain', where);
}

/** Capacity, grain and table sizes, bounded before anything is multiplied (H2, H5). */
export function checkSizes(header: SparseHeader, checks: Checks): void {
  const { capacity, grainSectors, tableEntries } = header;
  const size = { field: 'capacity', offset: headerAt.capacity, value: capacity };
  if (capacity === 0) {
    // qemu then follows the embedded descriptor and opens every file that it names.
    const wayOut = 'export it as OVA, or qemu-img convert it to streamOptimized';
    checks.refused('virtual-size', 'disk-unsafe', 'capacity 0: its data are in other files', size, wayOut);
  } else if (capacity > limits.virtualSizeBytes / SECTOR) {
    const fact = `${capacity} sectors, the limit is ${limits.virtualSizeBytes} bytes`;
    const over = { ...size, limit: limits.virtualSizeBytes };
    checks.refused('virtual-size', 'disk-too-large', fact, over, 'ask the operator, or shrink the disk');
  } else checks.passed('virtual-size', `${capacity * SECTOR} bytes`, size);

  const grain = { field: 'grain_size', offset: headerAt.grainSize, value: grainSectors };
  if (!isPowerOfTwo(grainSectors) || grainSectors < 8) {
    checks.refused('grain-size', 'disk-corrupt', `grains of ${grainSectors} sectors`, grain);
  } else if (grainSectors > limits.vmdkGrainBytes / SECTOR) {
    const fact = `grains of ${grainSectors} sectors, the limit is ${limits.vmdkGrainBytes} bytes`;
    checks.refused('grain-size', 'disk-too-large', fact, grain);
  } else checks.passed('grain-size', `${grainSectors * SECTOR} bytes`, grain);

  const entries = { field: 'table_entries', offset: headerAt.tableEntries, value: tableEntries };
  if (tableEntries < 1 || tableEntries > 512) {
    checks.refused(
      'table-entries',
      'disk-corrupt',
      `${tableEntries} entries in a grain table, 1 to 512 are known`,
      entries,
    );
  } else checks.passed('table-entries', `${tableEntries} entries in a grain table`, entries);
}

/** Where the embedded descriptor is. @returns its place in bytes, `undefined` after a refusal */
export function checkDescriptorPlace(
  header: SparseHeader,
  fileSize: number,
  checks: Checks,
): { offset: number; length: number } | undefined {
  const { descriptorOffset, descriptorSectors } = header;
  const where = { field: 'descriptor_offset', offset: headerAt.descriptorOffset, value: descriptorOffset };
  const size = { field: 'descriptor_size', offset: headerAt.descriptorSize, value: descriptorSectors };
  if (descriptorOffset === 0 || descriptorSectors === 0) {
    checks.refused('descriptor', 'disk-unsafe', SPLIT_PART, where, WHOLE_DISK);
  } else if (descriptorSectors > limits.descriptorBytes / SECTOR) {
    const fact = `a descriptor of ${descriptorSectors} sectors, the limit is ${limits.descriptorBytes} bytes`;
    checks.refused('descriptor', 'disk-too-large', fact, size);
  } else if (descriptorOffset + descriptorSectors > fileSize / SECTOR) {
    const fact = `the descriptor needs sector ${descriptorOffset + descriptorSectors}, the file has ${Math.floor(fileSize / SECTOR)}`;
    checks.refused('descriptor', 'disk-truncated', fact, where, cutShort);
  } else return { offset: descriptorOffset * SECTOR, length: descriptorSectors * SECTOR };
  return undefined;
}
