import type { RandomAccess } from '../access/random-access.ts';
import { readBytes } from '../access/read.ts';

const DESCRIPTOR_SEARCH_BYTES = 1024 * 1024;
const TEXT_BYTES = 512;

/**
 * VMDK files without the sparse header: a text descriptor, a COWD or a seSparse extent. They are
 * this format, and refused by its driver, never raw: a raw disk whose first sector is a descriptor
 * would name files of the host to other programs (hazards H12e, H20).
 */
export async function isVmdkContent(file: RandomAccess, head: Uint8Array): Promise<boolean> {
  const magic = String.fromCharCode(...head.subarray(0, 4));
  if (magic === 'KDMV' || magic === 'COWD') return true;
  const seSparse = [0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0];
  if (head.length >= 8 && seSparse.every((byte, i) => head[i] === byte)) return true;
  if (!isPrintable(head.subarray(0, TEXT_BYTES)) || !opensDescriptor(head)) return false;
  const start = await readBytes(file, 0, Math.min(file.size, DESCRIPTOR_SEARCH_BYTES));
  return new TextDecoder('latin1').decode(start).toLowerCase().includes('createtype=');
}

const isPrintable = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.every((b) => (b >= 0x20 && b < 0x7f) || (b >= 0x09 && b <= 0x0d) || b === 0);

/** Wider than qemu on purpose: comments and blank lines of any kind may come first. */
function opensDescriptor(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head).toLowerCase();
  if (text.startsWith('# disk descriptorfile')) return true;
  for (const line of text.split('\n', 1000)) {
    const shown = line.trim();
    if (shown === '' || shown.startsWith('#')) continue;
    return shown.startsWith('version=') || shown.startsWith('encoding=');
  }
  return false;
}
