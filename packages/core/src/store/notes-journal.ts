import { crc32 } from 'node:zlib';
import type { WriteMark } from './blob-store.ts';

/**
 * The notes of an unfinished blob, one record behind the other:
 *
 *     0   8  bytes of the blob that were durable when the note was kept, little-endian
 *     8   4  length n of the note
 *    12   4  CRC-32 of bytes 0–11 and of the note
 *    16   n  the note
 *
 * A record that a crash tore fails its CRC; it and everything behind it never happened.
 */
export const recordHeaderBytes = 16;

/** One note is a few hundred KiB at most; a larger length is damage, not a note. */
export const noteLimitBytes = 64 * 1024 * 1024;

export function encodeRecord(size: number, note: Uint8Array): Uint8Array {
  if (note.length > noteLimitBytes) throw new RangeError(`a note of ${note.length} bytes`);
  const record = Buffer.alloc(recordHeaderBytes + note.length);
  record.writeBigUInt64LE(BigInt(size), 0);
  record.writeUInt32LE(note.length, 8);
  record.set(note, recordHeaderBytes);
  record.writeUInt32LE(crc32(note, crc32(record.subarray(0, 12))), 12);
  return record;
}

/** What a journal says after a crash. */
export interface JournalState {
  readonly mark: WriteMark;
  /** Bytes of the journal that hold; the rest is to be cut off. */
  readonly validBytes: number;
}

/** Read the records that survived; never throws, whatever the bytes are. */
export function decodeJournal(bytes: Uint8Array): JournalState {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notes: Uint8Array[] = [];
  let size = 0;
  let at = 0;
  while (at + recordHeaderBytes <= view.length) {
    const length = view.readUInt32LE(at + 8);
    const end = at + recordHeaderBytes + length;
    if (length > noteLimitBytes || end > view.length) break;
    const note = view.subarray(at + recordHeaderBytes, end);
    if (crc32(note, crc32(view.subarray(at, at + 12))) !== view.readUInt32LE(at + 12)) break;
    const marked = Number(view.readBigUInt64LE(at));
    if (!Number.isSafeInteger(marked)) break;
    size = marked;
    notes.push(note);
    at = end;
  }
  return { mark: { size, notes }, validBytes: at };
}
