/** Changes that find faults in parsers of disk images: fields, tables, ends, and checksums made right again. */
import { crc32c } from '@imageyard/engine';

/** Small, fast, the same for the same seed (mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** 0 ≤ n < `below`. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }
  pick<T>(values: readonly T[]): T {
    return values[this.next(values.length)]!;
  }
}

const interesting = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  9n,
  12n,
  16n,
  21n,
  22n,
  31n,
  32n,
  63n,
  64n,
  255n,
  256n,
  511n,
  512n,
  513n,
  4095n,
  4096n,
  65_535n,
  65_536n,
  1_048_576n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fffen,
  0xffff_ffffn,
  0x1_0000_0000n,
  2n ** 46n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

/** Places where structure is denser than elsewhere: the first pages, the ends, and unit starts. */
function place(random: Random, size: number): number {
  switch (random.next(5)) {
    case 0:
      return random.next(Math.min(size, 128));
    case 1:
      return random.next(Math.min(size, 1024));
    case 2:
      return Math.max(0, size - 1 - random.next(Math.min(size, 4096)));
    case 3:
      return Math.min(size - 1, random.next(Math.ceil(size / 4096)) * 4096 + random.next(128));
    default:
      return random.next(size);
  }
}

function mutateOnce(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 16) return Buffer.concat([bytes, Buffer.alloc(16, random.next(256))]);
  const at = place(random, bytes.length);
  const room = bytes.length - at;
  switch (random.next(9)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.next(8));
      return bytes;
    case 1:
      bytes[at] = random.next(256);
      return bytes;
    case 2:
    case 3:
    case 4: {
      const width = random.pick([2, 4, 8]);
      const start = Math.min(at - (at % width), bytes.length - width);
      const big = random.next(2) === 0;
      const value =
        random.next(3) === 0 ? BigInt(bytes.length) + BigInt(random.next(3) - 1) : random.pick(interesting);
      for (let i = 0; i < width; i++)
        bytes[start + (big ? width - 1 - i : i)] = Number((value >> BigInt(8 * i)) & 0xffn);
      return bytes;
    }
    case 5: // a table entry, or a whole header, again somewhere else
      bytes.copyWithin(
        place(random, bytes.length),
        at,
        at + Math.min(room, random.pick([4, 8, 16, 512, 4096])),
      );
      return bytes;
    case 6:
      bytes.fill(random.pick([0, 0xff]), at, at + Math.min(room, random.pick([4, 8, 512, 4096, 65_536])));
      return bytes;
    case 7:
      return bytes.subarray(
        0,
        Math.max(1, random.next(4) === 0 ? at : bytes.length - random.next(Math.min(bytes.length, 70_000))),
      );
    default:
      return Buffer.concat([bytes, Buffer.alloc(random.pick([1, 511, 512, 4096]), random.next(256))]);
  }
}

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0);

/** Make checksums right, so that what they guard is reached too. */
function repair(bytes: Buffer): void {
  const footer = (at: number): void => {
    if (at < 0 || at + 512 > bytes.length || bytes.toString('latin1', at, at + 8) !== 'conectix') return;
    bytes.writeUInt32BE(0, at + 64);
    bytes.writeUInt32BE(~sum(bytes.subarray(at, at + 512)) >>> 0, at + 64);
  };
  footer(0);
  footer(bytes.length - 512);
  if (bytes.length >= 1536 && bytes.toString('latin1', 512, 520) === 'cxsparse') {
    bytes.writeUInt32BE(0, 512 + 36);
    bytes.writeUInt32BE(~sum(bytes.subarray(512, 1536)) >>> 0, 512 + 36);
  }
  const summed = (at: number, length: number, magic: string): void => {
    if (at + length > bytes.length || bytes.toString('latin1', at, at + 4) !== magic) return;
    bytes.writeUInt32LE(0, at + 4);
    bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + length)) >>> 0, at + 4);
  };
  for (const at of [65_536, 131_072]) summed(at, 4096, 'head');
  for (const at of [196_608, 262_144]) summed(at, 65_536, 'regi');
  for (const at of [0, bytes.length - 4096]) {
    if (at < 0 || at + 512 > bytes.length || !/^(stream|z2strm)/.test(bytes.toString('latin1', at, at + 6)))
      continue;
    bytes.writeUInt32LE(0, at + 64);
    bytes.writeUInt32LE(~sum(bytes.subarray(at, at + 512)) >>> 0, at + 64);
  }
}

/** A changed copy of `seed`, decided by `number` alone. */
export function mutate(seed: Buffer, number: number): Buffer {
  const random = new Random(number);
  let bytes: Buffer = Buffer.from(seed);
  const changes = 1 + random.next(random.pick([1, 2, 4, 12]));
  for (let i = 0; i < changes; i++) bytes = mutateOnce(bytes, random);
  if (random.next(3) > 0) repair(bytes);
  return bytes;
}
