/**
 * Reflected CRCs put together without the data: the CRC of A followed by B is that of A, moved by
 * B's length, xor that of B. A move is a product of polynomials over GF(2) modulo the CRC's own;
 * x^0 is the highest bit. Values are pairs of 32-bit halves; 32-bit CRCs live in the high half.
 */
type Poly = readonly [high: number, low: number];

interface Field {
  readonly modulus: Poly;
  readonly bits: 32 | 64;
}

const fields = {
  crc32: { modulus: [0xedb88320, 0], bits: 32 },
  crc32c: { modulus: [0x82f63b78, 0], bits: 32 },
  crc64nvme: { modulus: [0x9a6c9329, 0xac4bc9b5], bits: 64 },
} as const satisfies Record<string, Field>;

export type CombinableAlgorithm = keyof typeof fields;

export const isCombinable = (algorithm: string): algorithm is CombinableAlgorithm =>
  Object.hasOwn(fields, algorithm);

function multiply([aHigh, aLow]: Poly, b: Poly, { modulus, bits }: Field): Poly {
  let [high, low] = b;
  let [productHigh, productLow] = [0, 0];
  for (let bit = 0; bit < bits; bit += 1) {
    const set = bit < 32 ? (aHigh >>> (31 - bit)) & 1 : (aLow >>> (63 - bit)) & 1;
    if (set) {
      productHigh ^= high;
      productLow ^= low;
    }
    // b times x: the bit that falls out at the end comes back as the modulus.
    const out = bits === 32 ? high & 1 : low & 1;
    if (bits === 64) low = (low >>> 1) | ((high & 1) << 31);
    high >>>= 1;
    if (out) {
      high ^= modulus[0];
      low ^= modulus[1];
    }
  }
  return [productHigh >>> 0, productLow >>> 0];
}

/** x to the power of 8 × `bytes`. */
function powerOfBytes(bytes: number, field: Field): Poly {
  let power: Poly = [0x80000000, 0];
  let square: Poly = [0x00800000, 0]; // x^8
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = multiply(power, square, field);
    square = multiply(square, square, field);
  }
  return power;
}

/**
 * The CRC of parts in order.
 * @param parts base64 of each part's CRC, and its length in bytes
 * @returns base64 of the big-endian value
 */
export function combineCrcs(
  algorithm: CombinableAlgorithm,
  parts: readonly { readonly value: string; readonly sizeBytes: number }[],
): string {
  const field = fields[algorithm];
  const powers = new Map<number, Poly>(); // parts mostly have one length
  let total: Poly = [0, 0];
  for (const part of parts) {
    let power = powers.get(part.sizeBytes);
    if (!power) powers.set(part.sizeBytes, (power = powerOfBytes(part.sizeBytes, field)));
    const moved = multiply(total, power, field);
    const bytes = Buffer.alloc(8);
    bytes.set(Buffer.from(part.value, 'base64').subarray(0, field.bits / 8));
    total = [moved[0] ^ bytes.readUInt32BE(0), moved[1] ^ bytes.readUInt32BE(4)];
  }
  const result = Buffer.alloc(8);
  result.writeUInt32BE(total[0] >>> 0, 0);
  result.writeUInt32BE(total[1] >>> 0, 4);
  return result.subarray(0, field.bits / 8).toString('base64');
}
