/** Hostile VHD, VHDX and VDI files. */
import type { Bases, Recipe } from './bases.ts';
import { created } from './bases.ts';
import { be32, be64, cut, le32, le64, poke, sumVhd, sumVhdx } from './bytes.ts';
import type { Bytes } from './bytes.ts';

type Rows = readonly (readonly [
  title: string,
  make: Recipe['make'],
  where: Recipe['where'],
  code?: string,
])[];
const named = (format: string, rows: Rows): readonly Recipe[] =>
  rows.map(([title, make, where, code]) => ({ title, make, where, format, ...(code ? { code } : {}) }));

const MiB = 2 ** 20;
const bat = 1536;

/** Patch the dynamic header of a VHD and sum it. */
const header =
  (at: number, bytes: Bytes) =>
  (b: Bases): Buffer =>
    sumVhd(poke(b.vhd, [512 + at, bytes]), 512, 1024);
/** Patch both footers of a VHD and sum them. */
const footers =
  (at: number, bytes: Bytes) =>
  (b: Bases): Buffer => {
    const end = b.vhd.length - 512;
    return sumVhd(sumVhd(poke(b.vhd, [at, bytes], [end + at, bytes]), 0, 512), end, 512);
  };
const lastFooter =
  (base: 'vhd' | 'vhdFixed', at: number, bytes: Bytes) =>
  (b: Bases): Buffer => {
    const end = b[base].length - 512;
    return sumVhd(poke(b[base], [end + at, bytes]), end, 512);
  };

const vhd = named('vhd', [
  ['H1 size above 2^53', footers(48, be64(2n ** 60n)), 'current_size at byte 48'],
  ['H2 CVE-2014-0144 block size 2^31', header(32, be32(2 ** 31)), 'block_size at byte 544'],
  ['CVE-2014-0142 block size 0', header(32, be32(0)), 'block_size at byte 544'],
  ['H4 CVE-2014-0144 2^32 − 1 table entries', header(28, be32(0xffff_ffff)), 'max_table_entries at byte 540'],
  ['H5 a disk of 1025 GiB', () => created('-f', 'vpc', '-o', 'force_size=on', '1025G'), /./, 'IMG.0111'],
  ['H3 BAT behind the end', header(16, be64(0x1_0000_0000)), /at byte (528|540)/],
  ['H3 a block behind the end', (b) => poke(b.vhd, [bat, be32(0x00ff_ffff)]), `bat[0] at byte ${bat}`],
  ['H8 a block at sector 0', (b) => poke(b.vhd, [bat, be32(0)]), `bat[0] at byte ${bat}`],
  [
    'H10 two guest blocks on one',
    (b) => poke(b.vhd, [bat, b.vhd.subarray(bat + 4, bat + 8)]),
    /bat\[1\] at byte 1540/,
  ],
  ['H21 a parent', footers(60, be32(4)), 'disk_type at byte 60'],
  ['H25 disk type 6', footers(60, be32(6)), 'disk_type at byte 60'],
  ['H29 footers of two sizes', lastFooter('vhd', 48, be64(4 * MiB)), /current_size at byte \d+/],
  ['a wrong checksum of the dynamic header', (b) => poke(b.vhd, [512 + 60, [1]]), 'checksum at byte 548'],
  ['two bad footers', (b) => poke(b.vhd, [100, [1]], [b.vhd.length - 412, [1]]), /checksum at byte \d+/],
  [
    'H13 H16 a fixed disk longer than its file',
    lastFooter('vhdFixed', 48, be64(8 * MiB)),
    /current_size at byte \d+/,
  ],
  ['H16 cut at 60 %', (b) => cut(b.vhd), /cut short/],
]);

const regions = 192 * 1024;
const heads = [64 * 1024, 128 * 1024] as const;
const batX = 2 * MiB;
const metadata = 3 * MiB;

/** Patch both region tables and sum them. */
const inRegions =
  (at: number, bytes: Bytes) =>
  (b: Bases): Buffer => {
    const file = poke(b.vhdx, [regions + at, bytes], [regions + 65536 + at, bytes]);
    return sumVhdx(sumVhdx(file, regions, 65536), regions + 65536, 65536);
  };
const inHeads = (b: Bases, ...patches: readonly (readonly [number, Bytes])[]): Buffer => {
  const file = poke(
    b.vhdx,
    ...heads.flatMap((head) => patches.map(([at, bytes]) => [head + at, bytes] as const)),
  );
  for (const head of heads) sumVhdx(file, head, 4096);
  return file;
};
const inMetadata =
  (at: number, bytes: Bytes) =>
  (b: Bases): Buffer =>
    poke(b.vhdx, [metadata + at, bytes]);
const logGuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

/** One valid log entry whose descriptor writes at `target`, or with other numbers. */
function pendingLog(
  b: Bases,
  more: { target?: bigint; flushed?: number; length?: number; tail?: number },
): Buffer {
  const log = MiB;
  const file = inHeads(b, [48, logGuid]);
  const entry = file.subarray(log, log + 8192);
  entry.fill(0);
  entry.set(Buffer.from('loge'), 0);
  entry.set(le32(more.length ?? 8192), 8);
  entry.set(le32(more.tail ?? 0), 12);
  entry.set(le64(7), 16);
  entry.set(le32(1), 24);
  entry.set(logGuid, 32);
  entry.set(le64(more.flushed ?? file.length), 48);
  entry.set(le64(file.length), 56);
  entry.set(Buffer.from('desc'), 64);
  entry.set(le64(more.target ?? BigInt(batX)), 80);
  entry.set(le64(7), 88);
  entry.set(Buffer.from('data'), 4096);
  entry.set(le32(7), 8188);
  return sumVhdx(file, log, 8192);
}

const vhdx = named('vhdx', [
  [
    'H8 the metadata region on the BAT',
    inRegions(16 + 32 + 16, le64(batX)),
    /overlap|region_offset at byte \d+/,
  ],
  ['H3 a region behind the end', inRegions(16 + 16, le64(2 ** 40)), /region_offset at byte \d+/],
  [
    'H4 a region of 4 GiB − 1 MiB',
    inRegions(16 + 24, le32(0xfff0_0000)),
    /region_(length|offset) at byte \d+/,
  ],
  ['H4 2^32 − 1 regions', inRegions(8, le32(0xffff_ffff)), /region_table at byte \d+/],
  ['H4 65 535 metadata items', inMetadata(10, [255, 255]), `entry_count at byte ${metadata + 10}`],
  ['H17 a region that is not on a MiB', inRegions(16 + 16, le64(batX + 4096)), /region_offset at byte \d+/],
  ['H25 an unknown required region', unknownRegion, /region.* at byte \d+/],
  ['H2 CVE-2014-0148 block size 0', inMetadata(65536, le32(0)), `block_size at byte ${metadata + 65536}`],
  ['CVE-2014-0148 sectors of 0 bytes', sectorSize(0), /logical_sector_size at byte \d+/],
  ['H1 size above 2^53', inMetadata(65536 + 8, le64(2n ** 60n)), /virtual_disk_size at byte \d+/],
  ['H5 a disk of 2 TiB', () => created('-f', 'vhdx', '2T'), /./, 'IMG.0111'],
  ['H21 has a parent', inMetadata(65536 + 4, le32(2)), /file_parameters at byte \d+/],
  ['H21 a block that is partly in a parent', (b) => poke(b.vhdx, [batX, [7]]), `bat[0] at byte ${batX}`],
  ['H8 a block inside the BAT', (b) => poke(b.vhdx, [batX, le64(batX + 6)]), `bat[0] at byte ${batX}`],
  ['H3 a block behind the end', (b) => poke(b.vhdx, [batX, le64(2 ** 40 + 6)]), `bat[0] at byte ${batX}`],
  [
    'H10 two guest blocks on one',
    (b) => poke(b.vhdx, [batX + 8, le64(b.vhdx.readBigUInt64LE(batX) | 6n)]),
    /share.*bat\[1\] at byte \d+/,
  ],
  [
    'two bad headers',
    (b) => poke(b.vhdx, ...heads.map((head) => [head + 20, [~b.vhdx[head + 20]! & 255]] as const)),
    /header at byte \d+/,
  ],
  [
    'two bad region tables',
    (b) => poke(b.vhdx, [regions + 9, [1]], [regions + 65536 + 9, [1]]),
    /region_table at byte \d+/,
  ],
  [
    'H24 a log above its limit',
    (b) => inHeads(b, [48, logGuid], [68, le32(0xfff0_0000)]),
    /log_length at byte \d+/,
  ],
  [
    'H9 a log of no bytes',
    (b) => inHeads(b, [48, logGuid], [68, le32(0)]),
    /log_(length|offset) at byte \d+/,
  ],
  [
    'H24 a log that writes past its own last offset',
    (b) => pendingLog(b, { target: 2n ** 50n }),
    /at byte \d+/,
  ],
  [
    'H24 H16 a log flushed past the end of the file',
    (b) => pendingLog(b, { flushed: 2 ** 40 }),
    /at byte \d+/,
  ],
  [
    'H24 H8 a log that replaces the BAT by zeros and the header by noise',
    (b) => pendingLog(b, { target: 65536n }),
    /at byte \d+/,
  ],
  ['H16 cut at 60 %', (b) => cut(b.vhdx), /cut short/],
]);

function unknownRegion(b: Bases): Buffer {
  const entry = [...Buffer.alloc(16, 0xde), ...le64(4 * MiB), ...le32(MiB), ...le32(1)];
  const file = poke(
    b.vhdx,
    [regions + 8, le32(3)],
    [regions + 65536 + 8, le32(3)],
    [regions + 80, entry],
    [regions + 65536 + 80, entry],
  );
  return sumVhdx(sumVhdx(file, regions, 65536), regions + 65536, 65536);
}

function sectorSize(bytes: number): Recipe['make'] {
  return (b) => {
    const guid = Buffer.from('1dbf41816fa90947ba47f233a8faab5f', 'hex');
    const at = b.vhdx.indexOf(guid, metadata);
    return poke(b.vhdx, [metadata + b.vhdx.readUInt32LE(at + 16), le32(bytes)]);
  };
}

const vdi = named('vdi', [
  ['H1 size above 2^53', (b) => poke(b.vdi, [368, le64(2n ** 60n)]), 'disk_size at byte 368'],
  ['H2 CVE-2014-0144 block size 0', (b) => poke(b.vdi, [376, le32(0)]), 'block_size at byte 376'],
  [
    'H4 CVE-2014-0144 2^32 − 1 blocks',
    (b) => poke(b.vdi, [384, le32(0xffff_ffff)]),
    'blocks_in_image at byte 384',
  ],
  ['H5 a disk of 2 TiB', () => created('-f', 'vdi', '2T'), /./, 'IMG.0111'],
  ['H3 a map behind the end', (b) => poke(b.vdi, [340, le32(0x4000_0000)]), /at byte (340|384)/],
  ['H3 a block behind the end', (b) => poke(b.vdi, [512, le32(0x00ff_0000)]), /block_map\[0\] at byte 512/],
  ['H8 the map inside the header', (b) => poke(b.vdi, [340, le32(0)]), /at byte (0|340)/],
  [
    'H10 two guest blocks on one',
    (b) => poke(b.vdi, [512 + 12, le32(0)]),
    /share.*block_map\[3\] at byte 524/,
  ],
  ['H17 an unaligned map', (b) => poke(b.vdi, [340, le32(513)]), 'map_offset at byte 340'],
  ['H21 a differencing disk', (b) => poke(b.vdi, [76, le32(4)]), 'image_type at byte 76'],
  ['H21 a parent uuid', (b) => poke(b.vdi, [440, [1]]), 'parent_uuid at byte 440'],
  ['H25 version 9.9', (b) => poke(b.vdi, [68, le32(0x90009)]), 'version at byte 68'],
  ['sectors of 4096 bytes', (b) => poke(b.vdi, [360, le32(4096)]), 'sector_size at byte 360'],
  ['H16 cut at 60 %', (b) => cut(b.vdi), /cut short/],
]);

export const vhdRecipes: readonly Recipe[] = [...vhd, ...vhdx, ...vdi];
