import { diskError, type DiskError, type DiskErrorKind } from '../errors.ts';
import { u8, u16be, u16le, u32be, u32le, u64be, u64le } from './integers.ts';

/**
 * The fields of one structure: a view over its bytes that knows the format's name and where in
 * the file the structure lies, so that each error names its field and that field's byte offset.
 * Reading outside the view is our bug and throws `RangeError`.
 */
export class Fields {
  readonly bytes: Uint8Array;
  readonly format: string;
  readonly offset: number;
  readonly #big: boolean;

  /** @param where.offset of the structure's first byte in the file */
  constructor(
    bytes: Uint8Array,
    where: { readonly format: string; readonly offset: number; readonly endian: 'le' | 'be' },
  ) {
    this.bytes = bytes;
    this.format = where.format;
    this.offset = where.offset;
    this.#big = where.endian === 'be';
  }

  u8(at: number): number {
    return u8(this.bytes, at);
  }

  u16(at: number): number {
    return this.#big ? u16be(this.bytes, at) : u16le(this.bytes, at);
  }

  u32(at: number): number {
    return this.#big ? u32be(this.bytes, at) : u32le(this.bytes, at);
  }

  /** @throws {DiskError} `disk-corrupt` above 2^53 − 1 (hazard H1) */
  u64(at: number, field: string): number {
    const value = this.#big ? u64be(this.bytes, at) : u64le(this.bytes, at);
    if (value === undefined) {
      throw this.error('disk-corrupt', at, field, `${this.hex(at, 8)} is no possible size or offset`);
    }
    return value;
  }

  /** A u64 as two unsigned halves, for fields made of bits. */
  halves(at: number): { high: number; low: number } {
    return this.#big
      ? { high: u32be(this.bytes, at), low: u32be(this.bytes, at + 4) }
      : { high: u32le(this.bytes, at + 4), low: u32le(this.bytes, at) };
  }

  /** An exact view of `length` bytes; never silently short. */
  slice(at: number, length: number): Uint8Array {
    if (at < 0 || length < 0 || at + length > this.bytes.length) {
      throw new RangeError(`${length} bytes at ${at} lie outside a structure of ${this.bytes.length}`);
    }
    return this.bytes.subarray(at, at + length);
  }

  /** A number as a person would compare it with a hex dump. */
  hex(at: number, length: number): string {
    const digits = Array.from(this.slice(at, length), (b) => b.toString(16).padStart(2, '0'));
    return `0x${(this.#big ? digits : digits.reverse()).join('')}`;
  }

  /** An error about the field at byte `at` of this structure. */
  error(
    kind: DiskErrorKind,
    at: number,
    field: string,
    fact: string,
    more: { wayOut?: string; value?: number | string; limit?: number } = {},
  ): DiskError {
    const { wayOut, ...values } = more;
    return diskError(kind, { format: this.format, field, offset: this.offset + at, ...values }, fact, wayOut);
  }
}
