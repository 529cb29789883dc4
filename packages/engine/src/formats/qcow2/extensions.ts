import type { PageCache } from '../../access/page-cache.ts';
import { readBytes } from '../../access/read.ts';
import { roundUp } from '../../bytes/align.ts';
import { Fields } from '../../bytes/fields.ts';
import { shownCString, shownText } from '../../bytes/text.ts';
import { limits } from '../../limits.ts';
import type { Qcow2Header } from './header.ts';

const TYPES = {
  end: 0,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  encryption: 0x0537be77,
  dataFile: 0x44415441,
} as const;

/** What the header extensions say; text is escaped. */
export interface Qcow2Extensions {
  backingFormat?: string;
  /** Names of incompatible feature bits, by bit. */
  readonly featureNames: Map<number, string>;
  bitmaps?: { count: number; offset: number };
  encryption?: { offset: number };
  dataFile?: { name: string; offset: number };
  unknown: number;
}

/**
 * Walks the header extensions, from the header's end to the backing file's name or the end of
 * cluster 0.
 * @throws {DiskError} `disk-corrupt` when one runs past that area, or there are too many
 */
export async function readExtensions(cache: PageCache, header: Qcow2Header): Promise<Qcow2Extensions> {
  const found: Qcow2Extensions = { featureNames: new Map(), unknown: 0 };
  const clusterSize = 2 ** header.clusterBits;
  const behind = header.backingOffset === 0 ? clusterSize : Math.min(header.backingOffset, clusterSize);
  const end = Math.min(behind, cache.size);
  let at = header.headerLength;
  for (let count = 0; at + 8 <= end; count++) {
    const head = new Fields(await readBytes(cache, at, 8), { format: 'qcow2', offset: at, endian: 'be' });
    const type = head.u32(0);
    const length = head.u32(4);
    if (type === TYPES.end) return found;
    if (length > end - at - 8) {
      const fact = `a header extension of ${length} bytes runs past byte ${end}`;
      throw head.error('disk-corrupt', 4, 'extension_length', fact, { value: length });
    }
    if (count >= limits.qcow2Extensions) {
      const fact = `more than ${limits.qcow2Extensions} header extensions`;
      throw head.error('disk-corrupt', 0, 'extension_type', fact, { limit: limits.qcow2Extensions });
    }
    await readOne(cache, found, { type, offset: at + 8, length });
    at = roundUp(at + 8 + length, 8);
  }
  return found;
}

async function readOne(
  cache: PageCache,
  found: Qcow2Extensions,
  { type, offset, length }: { type: number; offset: number; length: number },
): Promise<void> {
  const text = () => readBytes(cache, offset, Math.min(length, 4 * limits.shownTextCharacters));
  switch (type) {
    case TYPES.backingFormat:
      found.backingFormat = shownText(await text());
      break;
    case TYPES.featureNames:
      // 256 names are more than there are bits.
      readFeatureNames(await readBytes(cache, offset, Math.min(length, 256 * 48)), found.featureNames);
      break;
    case TYPES.bitmaps: {
      const count = length >= 4 ? new Fields(await readBytes(cache, offset, 4), be(offset)).u32(0) : 0;
      found.bitmaps = { count, offset };
      break;
    }
    case TYPES.encryption:
      found.encryption = { offset };
      break;
    case TYPES.dataFile:
      found.dataFile = { name: shownText(await text()), offset };
      break;
    default:
      found.unknown++;
  }
}

const be = (offset: number) => ({ format: 'qcow2', offset, endian: 'be' }) as const;

function readFeatureNames(bytes: Uint8Array, names: Map<number, string>): void {
  for (let at = 0; at + 48 <= bytes.length; at += 48) {
    if (bytes[at] === 0) names.set(bytes[at + 1]!, shownCString(bytes.subarray(at + 2, at + 48)));
  }
}
