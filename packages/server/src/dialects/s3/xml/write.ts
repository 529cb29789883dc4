/** An XML element about to be written; undefined children are left out. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: string | readonly (Element | undefined)[];
}

type Content = string | number | boolean | undefined | Element | readonly (Element | undefined)[];

/** An element; numbers and booleans as text, undefined as an empty element. */
export function element(
  name: string,
  content?: Content,
  attributes: Readonly<Record<string, string>> = {},
): Element {
  if (typeof content === 'object')
    return { name, attributes, content: 'name' in content ? [content] : content };
  return { name, attributes, content: content === undefined ? '' : String(content) };
}

/** The element only when there is something to say. */
export function optional(name: string, content: string | number | undefined): Element | undefined {
  return content === undefined ? undefined : element(name, content);
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text for XML. Control characters, which XML 1.0 can't carry, become the references that S3 sends. */
export function escapeXml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[&<>"\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g, (c) => {
    return escapes[c] ?? `&#x${c.charCodeAt(0).toString(16).toUpperCase()};`;
  });
}

function write(node: Element, out: string[]): void {
  out.push('<', node.name);
  for (const [name, value] of Object.entries(node.attributes))
    out.push(' ', name, '="', escapeXml(value), '"');
  out.push('>');
  if (typeof node.content === 'string') out.push(escapeXml(node.content));
  else for (const child of node.content) if (child) write(child, out);
  out.push('</', node.name, '>');
}

/** A whole document. */
export function document(root: Element): string {
  const out = ['<?xml version="1.0" encoding="UTF-8"?>\n'];
  write(root, out);
  return out.join('');
}
