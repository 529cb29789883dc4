import { setImmediate as nextTurn } from 'node:timers/promises';
import { S3Error } from '../errors.ts';

/** An element as read: text without entities, children in order. Attributes and namespaces are dropped. */
export interface Read {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Read[];
}

/** The documents of S3 are four levels deep. */
const mostDepth = 16;
/** Ten thousand parts with four children each, and room. */
const mostElements = 100_000;
/** Tags between two turns of other requests: about a millisecond. */
const tagsPerTurn = 2000;

const malformed = (): S3Error => new S3Error('MalformedXML');
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The five entities that XML has by itself, and character references. @throws {S3Error} MalformedXML */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,12};?)/g, (_, body: string) => {
    const match = /^(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));$/i.exec(body);
    if (match?.[3]) {
      const value = named[match[3]];
      if (value !== undefined) return value;
    } else if (match) {
      const point = match[1] ? Number.parseInt(match[1], 16) : Number(match[2]);
      if (point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff))
        return String.fromCodePoint(point);
    }
    throw malformed();
  });
}

interface Open extends Read {
  text: string;
  children: Read[];
  /** With its prefix, as the closing tag must have it. */
  readonly fullName: string;
}

const tagPattern = /<(\/?)([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)/y;
const attributePattern = /\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*')/y;
const tagEndPattern = /\s*(\/?)>/y;

/** Reads one document from its first character to its last; linear in its length. */
class Reader {
  readonly #text: string;
  #at = 0;
  readonly #stack: Open[] = [];
  #count = 0;
  #root: Read | undefined;

  constructor(text: string) {
    this.#text = text.replace(/^\uFEFF/, '');
  }

  /** Read up to `count` tags. @returns the document, once it is read to its end */
  advance(count: number): Read | undefined {
    for (let tags = 0; tags < count; tags += 1) {
      const next = this.#text.indexOf('<', this.#at);
      this.#addText(decodeEntities(this.#text.slice(this.#at, next < 0 ? undefined : next)));
      if (next < 0) {
        if (!this.#root || this.#stack.length > 0) throw malformed();
        return this.#root;
      }
      this.#at = next;
      if (this.#startsWith('<!--')) this.#skipPast('-->', 4);
      else if (this.#startsWith('<?')) this.#skipPast('?>', 2);
      else if (this.#startsWith('<![CDATA[')) this.#addText(this.#skipPast(']]>', 9));
      else this.#tag();
    }
    return undefined;
  }

  #startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** @returns what lies between the opening (of `length` characters) and `end` */
  #skipPast(end: string, length: number): string {
    const close = this.#text.indexOf(end, this.#at + length);
    if (close < 0) throw malformed();
    const inside = this.#text.slice(this.#at + length, close);
    this.#at = close + end.length;
    return inside;
  }

  #addText(text: string): void {
    const open = this.#stack.at(-1);
    if (open) open.text += text;
    else if (/\S/.test(text)) throw malformed();
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match ?? undefined;
  }

  /** A DTD doesn't match, and so is refused like any other rubbish. */
  #tag(): void {
    const [, slash, fullName] = this.#match(tagPattern) ?? [];
    if (fullName === undefined) throw malformed();
    const isClosing = slash === '/';
    if (!isClosing) while (this.#match(attributePattern));
    const end = this.#match(tagEndPattern);
    if (!end || (isClosing && end[1] === '/')) throw malformed();
    if (!isClosing) this.#open(fullName);
    if (isClosing || end[1] === '/') this.#close(fullName);
  }

  #open(fullName: string): void {
    this.#count += 1;
    if (this.#root || this.#stack.length >= mostDepth || this.#count > mostElements) throw malformed();
    const name = fullName.slice(fullName.indexOf(':') + 1);
    this.#stack.push({ name, fullName, text: '', children: [] });
  }

  #close(fullName: string): void {
    const done = this.#stack.pop();
    if (done?.fullName !== fullName) throw malformed();
    const parent = this.#stack.at(-1);
    if (parent) parent.children.push(done);
    else this.#root = done;
  }
}

/**
 * Read a request's document: elements, text, CDATA, comments. No DTD, no entities of its own, no
 * depth beyond 16, at most 100,000 elements. Other requests get their turn in between.
 * @throws {S3Error} MalformedXML
 */
export async function readXml(text: string): Promise<Read> {
  const reader = new Reader(text);
  for (;;) {
    const root = reader.advance(tagsPerTurn);
    if (root) return root;
    await nextTurn();
  }
}

/** The children with this name. */
export const allOf = (node: Read, name: string): Read[] =>
  node.children.filter((child) => child.name === name);

/** The text of the first child with this name as it is, blanks included. */
export const rawTextOf = (node: Read, name: string): string | undefined =>
  node.children.find((child) => child.name === name)?.text;

/** The text of the first child with this name, trimmed; undefined when there is none. */
export const textOf = (node: Read, name: string): string | undefined => rawTextOf(node, name)?.trim();
