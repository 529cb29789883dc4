import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allOf, rawTextOf, readXml, textOf } from './read.ts';
import type { Read } from './read.ts';
import { document, element } from './write.ts';
import type { Element } from './write.ts';

const malformed = { code: 'MalformedXML' };

test('with and without declaration, namespace, prefix, attributes, blanks and comments', async () => {
  for (const text of [
    '<A><B>x</B></A>',
    '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<A xmlns="http://x/">\n  <B >x</B>\n</A>\n',
    `<p:A xmlns:p='x' a="1>2"><!-- <B> --><p:B>x</p:B></p:A >`,
    '<A><B><![CDATA[x]]></B></A><!-- end -->',
  ]) {
    const root = await readXml(text);
    assert.deepEqual([root.name, textOf(root, 'B')], ['A', 'x'], text);
  }
  assert.equal((await readXml('<A/>')).text, '');
});

test('entities: XML’s own five and references, nothing else; CDATA is as it is', async () => {
  const root = await readXml(
    '<A><K> &lt;&amp;&gt;&quot;&apos;&#65;&#x1F600; </K><C><![CDATA[&amp;]]></C></A>',
  );
  assert.equal(rawTextOf(root, 'K'), ' <&>"\'A\u{1f600} ');
  assert.equal(textOf(root, 'C'), '&amp;');
  for (const text of ['&b;', '&', '&amp', '&#0;', '&#xD800;', '&#x110000;', '& amp;'])
    await assert.rejects(readXml(`<A>${text}</A>`), malformed, text);
});

test('what isn’t a whole document is refused, however long, in linear time', async () => {
  const much = 1_000_000;
  for (const text of [
    '',
    'text',
    '<A>',
    '<A></B>',
    '<A></A><B></B>',
    '<A/>text',
    '<A></A/>',
    '<A b></A>',
    '<A b=c></A>',
    '<A><</A>',
    '<!DOCTYPE A><A></A>',
    '<A><!ENTITY a "b"></A>',
    '<A>'.repeat(much / 10),
    `<A>${'<B/>'.repeat(much / 5)}</A>`,
    `<A>${'<'.repeat(much)}</A>`,
    `<A>${'<!--'.repeat(much / 10)}</A>`,
    `<A>${'<![CDATA['.repeat(much / 10)}</A>`,
    '<?'.repeat(much),
    `<A ${' '.repeat(much)}`,
    `<A b="${'x'.repeat(much)}`,
    `<A${' b="c"'.repeat(much / 10)}`,
  ]) {
    const start = performance.now();
    await assert.rejects(readXml(text), malformed, text.slice(0, 40));
    assert.ok(performance.now() - start < 2000, text.slice(0, 40));
  }
});

test('the largest document that is allowed lets others have their turn', async () => {
  const part =
    '<Part><PartNumber>1</PartNumber><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag></Part>';
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  const root = await readXml(`<C>${part.repeat(10_000)}</C>`);
  clearInterval(count);
  assert.equal(allOf(root, 'Part').length, 10_000);
  assert.ok(turns >= 5, `${turns} turns`);
});

test('whatever is written is read back', async () => {
  const name = fc.stringMatching(/^[A-Z][a-z]{0,5}$/);
  // XML has no way to carry most control characters, and reads CR LF as LF.
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !/[\r\ufffe\uffff]/.test(value));
  const tree = fc.letrec<{ node: Element }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(name, text).map(([tag, value]) => element(tag, value)),
      fc
        .tuple(name, fc.array(tie('node'), { maxLength: 4 }))
        .map(([tag, children]) => element(tag, children)),
    ),
  })).node;
  const plain = (node: Element): unknown =>
    typeof node.content === 'string'
      ? [node.name, node.content]
      : [node.name, node.content.map((child) => plain(child!))];
  const back = (node: Read, like: Element): unknown =>
    typeof like.content === 'string'
      ? [node.name, node.text]
      : [node.name, node.children.map((child, index) => back(child, (like.content as Element[])[index]!))];
  await fc.assert(
    fc.asyncProperty(tree, async (node) => {
      assert.deepEqual(back(await readXml(document(node)), node), plain(node));
    }),
  );
});
