import { XMLParser } from 'fast-xml-parser';
import { S3Error } from '../errors.ts';

/** An element as read: text without entities, children in order. Namespaces are dropped. */
export interface Read {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Read[];
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  cdataPropName: '#cdata',
});

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The five entities that XML has by itself, and character references. @throws {S3Error} MalformedXML */
function decodeEntities(text: string): string {
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
    throw new S3Error('MalformedXML');
  });
}

type Node = Record<string, unknown>;

function convert(nodes: readonly Node[], depth: number): { text: string; children: Read[] } {
  if (depth > 16) throw new S3Error('MalformedXML');
  let text = '';
  const children: Read[] = [];
  for (const node of nodes) {
    for (const [name, value] of Object.entries(node)) {
      if (name === '#text') text += decodeEntities(String(value));
      else if (name === '#cdata') text += (value as Node[]).map((part) => String(part['#text'])).join('');
      else if (Array.isArray(value)) children.push({ name, ...convert(value as Node[], depth + 1) });
    }
  }
  return { text, children };
}

/**
 * Read a request's document. No DTD, no entities of its own, no depth beyond 16.
 * @throws {S3Error} MalformedXML
 */
export function readXml(text: string): Read {
  if (/<!(?!--|\[CDATA\[)/.test(text)) throw new S3Error('MalformedXML');
  let nodes: Node[];
  try {
    nodes = parser.parse(text, true) as Node[];
  } catch (error) {
    if (error instanceof S3Error) throw error;
    throw new S3Error('MalformedXML');
  }
  const { children, text: outside } = convert(nodes, 0);
  const [root] = children;
  if (!root || children.length !== 1 || outside.trim() !== '') throw new S3Error('MalformedXML');
  return root;
}

/** The children with this name. */
export const allOf = (node: Read, name: string): Read[] =>
  node.children.filter((child) => child.name === name);

/** The text of the first child with this name as it is, blanks included. */
export const rawTextOf = (node: Read, name: string): string | undefined =>
  node.children.find((child) => child.name === name)?.text;

/** The text of the first child with this name, trimmed; undefined when there is none. */
export function textOf(node: Read, name: string): string | undefined {
  return node.children.find((child) => child.name === name)?.text.trim();
}
