import type { Checks } from '../checks.ts';
import type { PartitionFacts } from './partitions.ts';

/**
 * A raw file says nothing about itself; its partition table does. None of this refuses: a disk
 * may be cut, grown or empty on purpose.
 */
export function checkRaw(checks: Checks, fileSize: number, partitions: PartitionFacts): void {
  if (fileSize % 512 === 0) {
    checks.passed('size', 'a whole number of sectors');
  } else {
    const more = 512 - (fileSize % 512);
    const fact = `${fileSize} bytes are no multiple of 512; read with ${more} zero bytes more`;
    checks.noted('size', fact, { field: 'size', offset: fileSize, value: fileSize });
  }
  if (partitions.kind === 'none') {
    checks.noted('partitions', 'no partition table or file system found; it may not boot', {
      field: 'boot sector',
      offset: 0,
    });
    return;
  }
  checks.passed('partitions', `starts with ${partitions.kind}`);
  if (partitions.claimedBytes > fileSize) {
    const fact = `looks cut: the ${partitions.kind} partition table needs ${partitions.claimedBytes} bytes, the file has ${fileSize}`;
    checks.noted('disk-end', fact, {
      field: 'partition table',
      offset: partitions.kind === 'gpt' ? 544 : 446,
      value: partitions.claimedBytes,
    });
  } else if (partitions.backup) {
    checkBackup(checks, partitions.backup);
  }
}

function checkBackup(checks: Checks, backup: NonNullable<PartitionFacts['backup']>): void {
  const where = { field: 'backup LBA', offset: 544, value: backup.offset };
  if (!backup.found) {
    const fact = `no GPT backup header at byte ${backup.offset}; the disk looks damaged or was grown`;
    checks.noted('disk-end', fact, where);
  } else if (!backup.last) {
    const fact = `the GPT backup header at byte ${backup.offset} is not at the end; the disk was grown`;
    checks.noted('disk-end', fact, where);
  } else {
    checks.passed('disk-end', 'the GPT backup header is at the end');
  }
}
