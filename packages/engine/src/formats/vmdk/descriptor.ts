import { diskError, type DiskError } from '../../errors.ts';
import { limits } from '../../limits.ts';

/** One line of the extent list: which part of the disk is where. */
export interface ExtentLine {
  /** RW, RDONLY or NOACCESS, as written. */
  readonly access: string;
  readonly sectors: number;
  /** FLAT, SPARSE, …, in upper case. */
  readonly type: string;
  readonly fileName: string | undefined;
  /** What follows the file name. */
  readonly rest: string;
  /** Byte of the file at which the line starts. */
  readonly at: number;
}

/** A value of the descriptor and the byte of the file at which its line starts. */
export interface DescriptorValue {
  readonly value: string;
  readonly at: number;
}

/** The text part of a VMDK. Keys are lower case. */
export interface Descriptor {
  readonly values: ReadonlyMap<string, DescriptorValue>;
  readonly extents: readonly ExtentLine[];
  /** Where the text starts in the file. */
  readonly at: number;
  /** Bytes that are not zero behind the NUL that ends the text. */
  readonly hidden: boolean;
}

const NEWLINE = 0x0a;
const accesses = new Set(['RW', 'RDONLY', 'NOACCESS']);

/**
 * Parse a descriptor, embedded (padded with NULs) or a file of its own. A linear scan: every line
 * is a comment, `key=value` or an extent; what is none of them is refused, as another program
 * might understand it.
 * @param bytes at most `limits.descriptorBytes`
 * @param at offset of the first byte in the file
 * @throws {DiskError} `disk-corrupt`; `disk-too-large` for too many or too long lines
 */
export function parseDescriptor(bytes: Uint8Array, at: number): Descriptor {
  const nul = bytes.indexOf(0);
  const end = nul < 0 ? bytes.length : nul;
  const values = new Map<string, DescriptorValue>();
  const extents: ExtentLine[] = [];
  let lines = 0;
  for (let start = 0; start < end;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const lineEnd = newline < 0 || newline > end ? end : newline;
    const where = at + start;
    if (lineEnd - start > limits.descriptorLineBytes) {
      throw lineError('disk-too-large', where, `a line of ${lineEnd - start} bytes`);
    }
    if (++lines > limits.descriptorLines)
      throw lineError('disk-too-large', where, `more than ${lines - 1} lines`);
    parseLine(latin1(bytes.subarray(start, lineEnd)).trim(), where, values, extents);
    start = lineEnd + 1;
  }
  const hidden = nul >= 0 && bytes.subarray(nul).some((byte) => byte !== 0);
  return { values, extents, at, hidden };
}

function parseLine(
  line: string,
  at: number,
  values: Map<string, DescriptorValue>,
  extents: ExtentLine[],
): void {
  if (line === '' || line.startsWith('#')) return;
  const [first = ''] = words(line, 1);
  if (accesses.has(first.toUpperCase())) {
    extents.push(parseExtent(line, at));
    return;
  }
  const equals = line.indexOf('=');
  if (equals <= 0)
    throw lineError('disk-corrupt', at, 'a line that is neither a comment, a value nor an extent');
  const key = line.slice(0, equals).trim().toLowerCase();
  const value = unquoted(line.slice(equals + 1).trim(), at);
  const known = values.get(key);
  if (known && known.value !== value) throw lineError('disk-corrupt', at, 'a key with two different values');
  values.set(key, { value, at });
}

/** `RW 4192256 SPARSE "disk.vmdk"`, with an offset behind the name of flat extents. */
function parseExtent(line: string, at: number): ExtentLine {
  const [access = '', sectors = '', type = '', rest = ''] = words(line, 3);
  const count = Number(sectors);
  if (!isDigits(sectors) || !Number.isSafeInteger(count) || type === '' || type.includes('"')) {
    throw lineError('disk-corrupt', at, 'an extent without sectors or type');
  }
  const extent = { access, sectors: count, type: type.toUpperCase(), at };
  if (rest === '') return { ...extent, fileName: undefined, rest };
  const close = rest.indexOf('"', 1);
  if (rest[0] !== '"' || close < 0)
    throw lineError('disk-corrupt', at, 'an extent whose file name is not quoted');
  return { ...extent, fileName: rest.slice(1, close), rest: rest.slice(close + 1).trim() };
}

/** The first `count` words, and what follows them, trimmed. */
function words(line: string, count: number): string[] {
  const found: string[] = [];
  let at = 0;
  while (found.length < count && at < line.length) {
    while (isBlank(line[at])) at++;
    const start = at;
    while (at < line.length && !isBlank(line[at])) at++;
    found.push(line.slice(start, at));
  }
  found.push(line.slice(at).trim());
  return found;
}

const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t';

const isDigits = (text: string): boolean =>
  text.length > 0 && text.length <= 16 && [...text].every((c) => c >= '0' && c <= '9');

function unquoted(text: string, at: number): string {
  if (!text.startsWith('"')) return text;
  if (text.length < 2 || !text.endsWith('"'))
    throw lineError('disk-corrupt', at, 'a value without its closing quote');
  return text.slice(1, -1);
}

/** One character a byte, so that positions stay those of the file. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

const lineError = (kind: 'disk-corrupt' | 'disk-too-large', offset: number, fact: string): DiskError =>
  diskError(kind, { format: 'vmdk', field: 'descriptor', offset }, `the descriptor has ${fact}`);

/**
 * Is this the start of a descriptor in a file of its own, perhaps padded with NULs? Wider than qemu
 * on purpose, which wants `version=` before any other key.
 * @param head the first bytes of the file, up to 64 KiB
 */
export function isDescriptorText(head: Uint8Array): boolean {
  if (head.length === 0 || !head.subarray(0, 512).every(isPrintable)) return false;
  const text = latin1(head).toLowerCase();
  if (!text.startsWith('# disk descriptorfile') && !startsWithKey(text)) return false;
  const at = text.indexOf('createtype');
  return (
    at >= 0 &&
    text
      .slice(at + 10, at + 64)
      .trimStart()
      .startsWith('=')
  );
}

const isPrintable = (byte: number): boolean =>
  (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d) || byte === 0;

function startsWithKey(text: string): boolean {
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end).trim();
    if (line !== '' && !line.startsWith('#')) {
      const key = line.slice(0, Math.max(0, line.indexOf('='))).trim();
      return key === 'version' || key === 'encoding';
    }
    start = end + 1;
  }
  return false;
}
