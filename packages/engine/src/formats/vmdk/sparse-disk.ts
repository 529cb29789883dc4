import type { PageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes, requireInside } from '../../access/read.ts';
import { shownText } from '../../bytes/text.ts';
import type { Disk, DiskFacts, FileRange } from '../../disk/disk.ts';
import { DiskError } from '../../errors.ts';
import { Checks } from '../checks.ts';
import { parseDescriptor, type Descriptor } from './descriptor.ts';
import { checkEmbedded } from './descriptor-safety.ts';
import { findDirectory, type Directory } from './directory.ts';
import { readFooter } from './footer.ts';
import { flags, hasFlag, HEADER_BYTES, headerAt, parseHeader, SECTOR, type SparseHeader } from './header.ts';
import { grainEntryOf, grainExtents, type GrainMap } from './map.ts';
import { streamExtents, type MarkerStream } from './markers.ts';
import { checkDescriptorPlace, checkHeader, checkSizes } from './safety.ts';

/** Open a sparse file with its descriptor inside: monolithicSparse, streamOptimized. @throws {DiskError} */
export async function openSparse(file: RandomAccess, tables: PageCache): Promise<Disk> {
  const whole = { name: 'header', offset: 0, length: HEADER_BYTES };
  requireInside(file, whole, { format: 'vmdk', field: 'header', offset: 0 });
  const header = parseHeader(await readBytes(file, 0, HEADER_BYTES), 0);
  const checks = new Checks('vmdk');
  checkHeader(header, checks);
  checkSizes(header, checks);
  const place = checkDescriptorPlace(header, file.size, checks);
  const text = place && (await readBytes(file, place.offset, place.length));
  const descriptor = text && checks.attempt('descriptor', () => parseDescriptor(text, place.offset));
  if (descriptor) checkEmbedded(descriptor, header.capacity, checks);
  const facts = factsOf(header, descriptor);
  const virtualSize = header.capacity * SECTOR;
  checks.throwIfRefused({ facts, virtualSize });

  const found = await findTables(file, tables, header, checks);
  checks.throwIfRefused({ facts, virtualSize });
  const opened = { file, tables, header, virtualSize, checks, facts };
  return found.directory ? tableDisk(opened, found, found.directory) : streamDisk(opened);
}

function factsOf(header: SparseHeader, descriptor: Descriptor | undefined): DiskFacts {
  const value = (key: string): string | undefined => {
    const found = descriptor?.values.get(key)?.value;
    return found === undefined ? undefined : shownText(found, 60);
  };
  const adapter = value('ddb.adaptertype');
  const hardware = value('ddb.virtualhwversion');
  return {
    format: 'vmdk',
    subformat: value('createtype') ?? 'sparse',
    unitSize: header.grainSectors * SECTOR,
    compression: hasFlag(header, flags.compressedGrains) ? 'zlib' : 'none',
    details: {
      version: header.version,
      isUnclean: header.isUnclean,
      ...(adapter !== undefined && { adapterType: adapter }),
      ...(hardware !== undefined && { hardwareVersion: hardware }),
    },
  };
}

interface FoundTables {
  /** `undefined`: the markers must be walked. */
  readonly directory: Directory | undefined;
  readonly copy: Directory | undefined;
  /** At the end of a stream: footer marker, footer and end mark. */
  readonly footerAt: number | undefined;
  /** Both directories, where there should be two, are good. */
  readonly isWhole: boolean;
}

/** Find the directory or the two of them; a stream can do without. */
async function findTables(
  file: RandomAccess,
  tables: PageCache,
  header: SparseHeader,
  checks: Checks,
): Promise<FoundTables> {
  const isStream = hasFlag(header, flags.markers);
  let source = header;
  let footerAt: number | undefined;
  if (header.directoryOffset === undefined) {
    const footer = await checks.attemptAsync('footer', () => readFooter(file, header));
    if (footer) {
      source = footer;
      footerAt = footer.fields.offset;
      checks.passed('footer', 'header and footer describe the same disk', {
        field: 'footer',
        offset: footerAt,
      });
    }
  }
  const first = await directoryOf(tables, source, 'directoryOffset');
  const second = hasFlag(source, flags.redundantTable)
    ? await directoryOf(tables, source, 'redundantOffset')
    : undefined;
  const base = source.fields.offset;
  const where = { field: 'gd_offset', offset: base + headerAt.directoryOffset };
  if (!(first instanceof DiskError)) {
    const copy = second instanceof DiskError ? undefined : second;
    if (second === copy)
      checks.passed('directory', copy ? 'two grain directories' : 'one grain directory', where);
    else {
      const redundant = { field: 'rgd_offset', offset: base + headerAt.redundantOffset };
      checks.noted('directory', 'the redundant grain directory is unusable; the first is used', redundant);
    }
    const isSame = copy?.offset === first.offset; // one directory under two names
    return { directory: first, copy: isSame ? undefined : copy, footerAt, isWhole: second === copy };
  }
  if (second && !(second instanceof DiskError)) {
    checks.noted('directory', 'the grain directory is unusable; the redundant one is used', where);
    return { directory: second, copy: undefined, footerAt, isWhole: false };
  }
  if (isStream) checks.noted('directory', 'no usable grain directory; the markers are walked', where);
  else
    checks.attempt('directory', () => {
      throw first;
    });
  return { directory: undefined, copy: undefined, footerAt, isWhole: false };
}

async function directoryOf(
  tables: PageCache,
  header: SparseHeader,
  which: 'directoryOffset' | 'redundantOffset',
): Promise<Directory | DiskError> {
  const { capacity, grainSectors, tableEntries } = header;
  const isFirst = which === 'directoryOffset';
  return await findDirectory(
    tables,
    {
      name: isFirst ? 'grain directory' : 'redundant grain directory',
      sector: header[which] ?? 0,
      entries: Math.ceil(capacity / (grainSectors * tableEntries)),
      tableBytes: 4 * tableEntries,
    },
    { field: isFirst ? 'gd_offset' : 'rgd_offset', offset: header.fields.offset + headerAt[which] },
  );
}

interface Opened {
  readonly file: RandomAccess;
  readonly tables: PageCache;
  readonly header: SparseHeader;
  readonly virtualSize: number;
  readonly checks: Checks;
  readonly facts: DiskFacts;
}

function metadataOf(header: SparseHeader, fileSize: number): FileRange[] {
  // The first grain is where the header says; what pads the tables up to there is no trailing data.
  const overhead = Math.min(header.overhead, fileSize / SECTOR) * SECTOR;
  return [
    { name: 'overhead', offset: overhead, length: 0 },
    { name: 'header', offset: 0, length: HEADER_BYTES },
    {
      name: 'descriptor',
      offset: header.descriptorOffset * SECTOR,
      length: header.descriptorSectors * SECTOR,
    },
  ];
}

function tableDisk(opened: Opened, found: FoundTables, directory: Directory): Disk {
  const { file, tables, header, virtualSize, checks, facts } = opened;
  const map: GrainMap = {
    file,
    tables,
    virtualSize,
    grainBytes: header.grainSectors * SECTOR,
    tableEntries: header.tableEntries,
    directory,
    copy: found.copy,
    hasZeroedGrains: hasFlag(header, flags.zeroedGrains),
    isCompressed: hasFlag(header, flags.compressedGrains),
  };
  const directories = found.copy ? [directory, found.copy] : [directory];
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: [
      ...metadataOf(header, file.size),
      ...directories.map(({ name, offset, entries }) => ({ name, offset, length: 4 * entries })),
      ...(found.footerAt === undefined
        ? []
        : [{ name: 'footer', offset: found.footerAt - SECTOR, length: 3 * SECTOR }]),
    ],
    canonical: found.isWhole && !header.isUnclean,
    extents: (guestOffset, onTable) => grainExtents(map, guestOffset, onTable),
    entryOf: (guestOffset) => grainEntryOf(map, guestOffset),
  };
}

/** A stream that is read by its markers. */
function streamDisk({ file, header, virtualSize, checks, facts }: Opened): Disk {
  const stream: MarkerStream = {
    file,
    virtualSize,
    grainBytes: header.grainSectors * SECTOR,
    start: header.overhead * SECTOR,
    waypoints: [],
  };
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: metadataOf(header, file.size),
    canonical: false,
    extents: (guestOffset, onTable) => streamExtents(stream, guestOffset, onTable),
  };
}
