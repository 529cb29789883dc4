import type { RandomAccess } from '../access/random-access.ts';
import type { Disk, DiskFacts, Finding, FormatName } from '../disk/disk.ts';
import { scanDisk, type DiskScan } from '../disk/scan.ts';
import { DiskError } from '../errors.ts';
import { refusedFinding } from '../formats/checks.ts';
import { driverFor } from '../formats/registry.ts';
import { chooseFormat } from './choose.ts';
import { detect } from './detect.ts';

export interface InspectOptions {
  /** The source's format as the caller states it; must be what the content shows. */
  readonly stated?: FormatName;
}

/** What a file is, and what it could make us do; also for a file that is refused. */
export interface InspectReport {
  /** Absent where the content is none or more than one of our formats. */
  readonly format: FormatName | undefined;
  /** What the content looks like in a word: a format, `gzip`, `html`, `qcow2 and vdi`, `empty`. */
  readonly content: string;
  readonly fileSize: number;
  readonly virtualSize?: number;
  /** Sub-format, unit size, compression, encryption, backing file and the format's own facts. */
  readonly facts?: DiskFacts;
  /** Bytes of the file that hold guest data; known after the scan. */
  readonly allocatedBytes?: number;
  readonly scan?: DiskScan;
  readonly canonical?: boolean;
  readonly refused: boolean;
  readonly findings: readonly Finding[];
}

/**
 * Opens a file after all checks: detection, the header and what it could make us do. Guest data
 * and second-level tables are not read: `scanDisk` looks at those.
 * @throws {DiskError} for the first refused finding
 */
export async function openChecked(file: RandomAccess, options: InspectOptions = {}): Promise<Disk> {
  const { format, content, checks } = chooseFormat(await detect(file), options.stated);
  checks.throwIfRefused();
  if (!format) throw new Error(`no format and no refusal for ${content}`);
  return withFindings(await driverFor(format).open(file, 'deny'), checks.findings);
}

/** `disk` with detection's findings before its own; a driver may have returned any object. */
function withFindings(disk: Disk, before: readonly Finding[]): Disk {
  return {
    file: disk.file,
    virtualSize: disk.virtualSize,
    facts: disk.facts,
    findings: [...before, ...disk.findings],
    metadata: disk.metadata,
    canonical: disk.canonical,
    extents: (guestOffset, onTable) => disk.extents(guestOffset, onTable),
    ...(disk.entryOf && { entryOf: (guestOffset: number) => disk.entryOf!(guestOffset) }),
    ...(disk.endAlignment !== undefined && { endAlignment: disk.endAlignment }),
    ...(disk.tailInUse !== undefined && { tailInUse: disk.tailInUse }),
  };
}

/**
 * Reports on a file; a refused one gives its refused findings instead of an error.
 * @param options.scan also walk all tables: sizes in the file, overlaps, units past the end
 * @throws what `file` throws, other than a `DiskError`
 */
export async function inspect(
  file: RandomAccess,
  options: InspectOptions & { readonly scan?: boolean; readonly signal?: AbortSignal } = {},
): Promise<InspectReport> {
  const choice = chooseFormat(await detect(file), options.stated);
  const { format, content } = choice;
  const base = { format, content, fileSize: file.size };
  const before = choice.checks.findings;
  if (!format) return reportOf(base, {}, before);
  let disk: Disk;
  try {
    disk = await driverFor(format).open(file, 'deny');
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    const { evidence } = error;
    const findings = evidence?.findings ?? [refusedFinding('header', error)];
    return reportOf(base, evidence ?? {}, [...before, ...findings]);
  }
  const { facts, virtualSize, canonical } = disk;
  const findings = [...before, ...disk.findings];
  if (!options.scan) return reportOf(base, { facts, virtualSize, canonical }, findings);
  try {
    const scan = await scanDisk(disk, options.signal ? { signal: options.signal } : {});
    return reportOf(
      base,
      {
        facts: scan.packedBytes === 0 ? { ...facts, compression: 'none' } : facts,
        virtualSize,
        canonical: scan.canonical,
        scan,
        allocatedBytes: scan.allocatedBytes,
      },
      [...findings, ...scan.findings],
    );
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return reportOf(base, { facts, virtualSize, canonical: false }, [
      ...findings,
      refusedFinding('scan', error),
    ]);
  }
}

function reportOf(
  base: Pick<InspectReport, 'format' | 'content' | 'fileSize'>,
  known: Partial<Pick<InspectReport, 'facts' | 'virtualSize' | 'canonical' | 'scan' | 'allocatedBytes'>>,
  findings: readonly Finding[],
): InspectReport {
  const { facts, virtualSize, canonical, scan, allocatedBytes } = known;
  return {
    ...base,
    ...(facts && { facts }),
    ...(virtualSize !== undefined && { virtualSize }),
    ...(canonical !== undefined && { canonical }),
    ...(scan && { scan }),
    ...(allocatedBytes !== undefined && { allocatedBytes }),
    refused: findings.some((f) => f.level === 'refused'),
    findings,
  };
}
