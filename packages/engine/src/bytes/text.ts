import { limits } from '../limits.ts';

/** Characters that change how text around them is shown: bidi controls, joiners, line separators, BOM. */
function isTreacherous(code: number): boolean {
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    code === 0xad ||
    code === 0x61c ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    (code >= 0xd800 && code <= 0xdfff) ||
    code === 0xfeff ||
    (code >= 0xfff9 && code <= 0xfffb) ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (character === '"' || character === '\\') return `\\${character}`;
  if (!isTreacherous(code)) return character;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Text from a file, made fit for people's eyes, terminals and logs (hazard H26): bytes are decoded as
 * UTF-8 with replacement, control and bidi characters and quotes are escaped, and what is longer
 * than `maxCharacters` is cut with an ellipsis. Never a path, SQL or HTML afterwards either.
 */
export function shownText(
  source: Uint8Array | string,
  maxCharacters: number = limits.shownTextCharacters,
): string {
  // Four bytes a character at most: what lies behind can't be shown anyway and is not decoded.
  const text =
    typeof source === 'string'
      ? source
      : new TextDecoder('utf-8', { ignoreBOM: true }).decode(source.subarray(0, maxCharacters * 4 + 4));
  let shown = '';
  let length = 0;
  for (const character of text) {
    const next = escaped(character);
    if (length + next.length > maxCharacters) return `${shown}…`;
    shown += next;
    length += next.length;
  }
  return shown;
}

/** The bytes before the first NUL, as text for people. */
export function shownCString(bytes: Uint8Array, maxCharacters?: number): string {
  const end = bytes.indexOf(0);
  return shownText(end < 0 ? bytes : bytes.subarray(0, end), maxCharacters);
}
