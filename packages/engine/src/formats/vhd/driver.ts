import { pageCache } from '../../access/page-cache.ts';
import type { RandomAccess } from '../../access/random-access.ts';
import { readBytes } from '../../access/read.ts';
import { fits, roundUp } from '../../bytes/align.ts';
import { shownText } from '../../bytes/text.ts';
import type { Disk, DiskFacts, Extent, FileRange } from '../../disk/disk.ts';
import { ExtentRuns } from '../../disk/extent-runs.ts';
import { diskError, pastEnd } from '../../errors.ts';
import { Checks } from '../checks.ts';
import type { FormatDriver } from '../driver.ts';
import { checkBitmaps, checkTable } from './dynamic-safety.ts';
import {
  diskTypes,
  FOOTER_BYTES,
  footerAt,
  hasCookie,
  readFooters,
  SHORT_FOOTER_BYTES,
  type Footer,
  type FooterCopies,
} from './footer.ts';
import { geometryBytes } from './geometry.ts';
import { HEADER_BYTES, parentName, parseDynamicHeader, type DynamicHeader } from './header.ts';
import { vhdLayout } from './layout.ts';
import { dynamicExtents, entryOf } from './map.ts';
import { checkFixedLength, checkKind, checkSavedState, checkSize, chooseFooter } from './safety.ts';

/**
 * VHD, which qemu calls "vpc": fixed and dynamic disks.
 * @see Virtual Hard Disk Image Format Specification 1.0
 */
export const vhd: FormatDriver = {
  name: 'vhd',

  matches({ head, tail }) {
    return (
      hasCookie(head) ||
      hasCookie(tail, tail.length - FOOTER_BYTES) ||
      hasCookie(tail, tail.length - SHORT_FOOTER_BYTES)
    );
  },

  async open(file) {
    const checks = new Checks('vhd');
    const copies = await readFooters(file);
    const chosen = chooseFooter(copies, file.size, checks);
    checks.throwIfRefused();
    const { footer, copiesAgree } = chosen!;
    const headerBytes = await readHeaderBytes(file, footer);
    const isDifferencing = footer.type === diskTypes.differencing;
    checkKind(footer, isDifferencing && headerBytes ? parentName(headerBytes) : undefined, checks);
    const { size, qemuSize } = checkSize(footer, checks);
    checkSavedState(footer, checks);
    const virtualSize = roundUp(size, 512);
    if (size !== virtualSize) {
      checks.noted('whole-sectors', `size ${size} is no multiple of 512; zeros are added`, {
        field: 'current_size',
        offset: footer.at + footerAt.currentSize,
      });
    }
    const agreed = copiesAgree && copies.endLength === FOOTER_BYTES;
    if (copies.endLength === SHORT_FOOTER_BYTES) {
      checks.noted('short-footer', 'the footer lacks its last byte, as very old tools wrote it', {
        field: 'footer',
        offset: copies.end.at,
      });
    }
    const canonical = agreed && !footer.savedState && size === virtualSize && qemuSize === size;

    if (footer.type === diskTypes.fixed) {
      checkFixedLength(footer, size, checks);
      const facts = factsOf(footer, 'fixed');
      checks.throwIfRefused({ facts, virtualSize });
      return fixedDisk({ file, copies, facts, checks, size, virtualSize, canonical });
    }
    const header = checks.attempt('dynamic-header', () => dynamicHeader(headerBytes, footer, file));
    if (header) checkTable(header, { footer, virtualSize, fileSize: file.size }, checks);
    const facts = factsOf(footer, footer.type === diskTypes.dynamic ? 'dynamic' : 'differencing', header);
    checks.throwIfRefused({ facts, virtualSize });
    return await dynamicDisk({ file, copies, facts, checks, header: header!, virtualSize, canonical });
  },

  layout: vhdLayout,
};

/** The bytes of the dynamic header, if the footer names a place that has them. */
async function readHeaderBytes(file: RandomAccess, footer: Footer): Promise<Uint8Array | undefined> {
  if (footer.type === diskTypes.fixed || footer.dataOffset === undefined) return undefined;
  if (!fits(footer.dataOffset, HEADER_BYTES, file.size)) return undefined;
  return await readBytes(file, footer.dataOffset, HEADER_BYTES);
}

/** @throws {DiskError} `disk-corrupt`, `disk-truncated`, `disk-unsupported` */
function dynamicHeader(bytes: Uint8Array | undefined, footer: Footer, file: RandomAccess): DynamicHeader {
  if (bytes && footer.dataOffset !== undefined) return parseDynamicHeader(bytes, footer.dataOffset);
  const where = { format: 'vhd', field: 'data_offset', offset: footer.at + footerAt.dataOffset };
  throw footer.dataOffset === undefined
    ? diskError('disk-corrupt', where, 'a dynamic disk without a dynamic header')
    : pastEnd(where, 'the dynamic header', footer.dataOffset + HEADER_BYTES, file.size);
}

function factsOf(footer: Footer, subformat: string, header?: DynamicHeader): DiskFacts {
  return {
    format: 'vhd',
    subformat,
    ...(header && { unitSize: header.blockSize }),
    compression: 'none',
    details: {
      creator: shownText(footer.creator.replace(/\0+$/, '')),
      currentSize: footer.currentSize,
      geometrySize: geometryBytes(footer.geometry),
      savedState: footer.savedState,
      ...(header && { batEntries: header.batEntries }),
    },
  };
}

interface Opened {
  readonly file: RandomAccess;
  readonly copies: FooterCopies;
  readonly facts: DiskFacts;
  readonly checks: Checks;
  readonly virtualSize: number;
  readonly canonical: boolean;
}

/** The footers that are there, whether good or broken: nothing of the guest's lies in them. */
function footerRanges(copies: FooterCopies, isFixed: boolean): FileRange[] {
  const ranges: FileRange[] = [];
  if (!isFixed && copies.front.state !== 'absent') {
    ranges.push({ name: 'footer copy', offset: 0, length: FOOTER_BYTES });
  }
  if (copies.end.state !== 'absent') {
    ranges.push({ name: 'footer', offset: copies.end.at, length: copies.endLength });
  }
  return ranges;
}

function fixedDisk({
  file,
  copies,
  facts,
  checks,
  size,
  virtualSize,
  canonical,
}: Opened & { size: number }): Disk {
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: footerRanges(copies, true),
    canonical: canonical && size === copies.end.at,
    async *extents(guestOffset): AsyncGenerator<Extent> {
      const runs = new ExtentRuns(file, { from: guestOffset, unitStart: 0, to: virtualSize });
      for (const extent of runs.stored(size, 0)) yield extent;
      for (const extent of runs.zero(virtualSize - size)) yield extent;
      for (const extent of runs.flush()) yield extent;
    },
  };
}

async function dynamicDisk(opened: Opened & { header: DynamicHeader }): Promise<Disk> {
  const { file, copies, facts, checks, header, virtualSize, canonical } = opened;
  const map = { file, tables: pageCache(file), header, virtualSize };
  await checkBitmaps(map, checks);
  return {
    file,
    virtualSize,
    facts,
    findings: checks.findings,
    metadata: [
      ...footerRanges(copies, false),
      { name: 'dynamic header', offset: header.at, length: HEADER_BYTES },
      { name: 'BAT', offset: header.batOffset, length: 4 * header.batEntries },
    ],
    canonical,
    extents: (guestOffset, onTable) => dynamicExtents(map, guestOffset, onTable),
    async entryOf(guestOffset) {
      return entryOf(header, Math.floor(guestOffset / header.blockSize));
    },
  };
}
