import { Fields } from '../../bytes/fields.ts';
import { shownCString } from '../../bytes/text.ts';

export const SIGNATURE = 0xbeda_107f;
export const SIGNATURE_AT = 64;
/** What is read to know a header of either layout. */
export const HEADER_BYTES = 512;

export const versions = { v1_0: 0x0001_0000, v1_1: 0x0001_0001 } as const;
export const imageTypes = { dynamic: 1, static: 2, undo: 3, differencing: 4 } as const;

/** Where each field lies; `undefined` where a layout does not have it. */
export interface HeaderPlaces {
  readonly type: number;
  readonly mapOffset: number | undefined;
  readonly dataOffset: number | undefined;
  readonly sectorSize: number;
  readonly diskSize: number;
  readonly blockSize: number;
  readonly blockExtra: number | undefined;
  readonly blocks: number;
  readonly allocated: number;
  readonly linkUuid: number;
  readonly parentUuid: number | undefined;
}

/** Version 1.1, and 1.0 files that say how long their header is. */
const current: HeaderPlaces = {
  type: 76,
  mapOffset: 340,
  dataOffset: 344,
  sectorSize: 360,
  diskSize: 368,
  blockSize: 376,
  blockExtra: 380,
  blocks: 384,
  allocated: 388,
  linkUuid: 424,
  parentUuid: 440,
};

/** The old header of 348 bytes behind the 72 of signature and version: map and data follow it closely. */
const old: HeaderPlaces = {
  type: 72,
  mapOffset: undefined,
  dataOffset: undefined,
  sectorSize: 348,
  diskSize: 352,
  blockSize: 360,
  blockExtra: undefined,
  blocks: 364,
  allocated: 368,
  linkUuid: 404,
  parentUuid: undefined,
};
const OLD_HEADER_END = 72 + 348;

/** A VDI header, its values as they are: `safety.ts` judges them. */
export interface VdiHeader {
  readonly fields: Fields;
  readonly at: HeaderPlaces;
  readonly version: number;
  readonly isOldLayout: boolean;
  readonly type: number;
  readonly mapOffset: number;
  readonly dataOffset: number;
  readonly sectorSize: number;
  readonly diskSize: number;
  readonly blockSize: number;
  readonly blockExtra: number;
  readonly blocks: number;
  readonly allocated: number;
  /** The program's line at the start, escaped. */
  readonly program: string;
}

/**
 * @param bytes the first 512 of the file
 * @throws {DiskError} `disk-corrupt` without the signature or with an impossible size,
 *   `disk-unsupported` for another version
 */
export function parseHeader(bytes: Uint8Array): VdiHeader {
  const fields = new Fields(bytes, { format: 'vdi', offset: 0, endian: 'le' });
  if (fields.u32(SIGNATURE_AT) !== SIGNATURE) {
    throw fields.error('disk-corrupt', SIGNATURE_AT, 'signature', `${fields.hex(SIGNATURE_AT, 4)} is no VDI`);
  }
  const version = fields.u32(68);
  if (version !== versions.v1_0 && version !== versions.v1_1) {
    throw fields.error('disk-unsupported', 68, 'version', `version ${fields.hex(68, 4)} is unknown`, {
      value: version,
    });
  }
  // The newer layout has its length (0x180 or 0x190) where the old one has the type (1 to 4).
  const isOldLayout = version === versions.v1_0 && fields.u32(72) <= imageTypes.differencing;
  const at = isOldLayout ? old : current;
  const blocks = fields.u32(at.blocks);
  const mapOffset = at.mapOffset === undefined ? OLD_HEADER_END : fields.u32(at.mapOffset);
  return {
    fields,
    at,
    version,
    isOldLayout,
    type: fields.u32(at.type),
    mapOffset,
    dataOffset: at.dataOffset === undefined ? OLD_HEADER_END + 4 * blocks : fields.u32(at.dataOffset),
    sectorSize: fields.u32(at.sectorSize),
    diskSize: fields.u64(at.diskSize, 'disk_size'),
    blockSize: fields.u32(at.blockSize),
    blockExtra: at.blockExtra === undefined ? 0 : fields.u32(at.blockExtra),
    blocks,
    allocated: fields.u32(at.allocated),
    program: shownCString(bytes.subarray(0, 64)).replace(/(\\x0a)+$/, ''),
  };
}

export const headerEnd = (header: VdiHeader): number => (header.isOldLayout ? OLD_HEADER_END : HEADER_BYTES);
