import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DiskError } from '../../errors.ts';
import { isDescriptorText, parseDescriptor } from './descriptor.ts';
import { descriptorText } from './testing.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string) => parseDescriptor(bytesOf(text), 512);

test('vmdk descriptor: values, extents and the bytes at which their lines start', () => {
  const { values, extents, hidden } = parse(
    '# Disk DescriptorFile\r\nVersion = 1\r\nRW 10 SPARSE "a b.vmdk"\n',
  );
  assert.deepEqual(values.get('version'), { value: '1', at: 512 + 23 });
  assert.deepEqual(extents, [
    { access: 'RW', sectors: 10, type: 'SPARSE', fileName: 'a b.vmdk', rest: '', at: 512 + 36 },
  ]);
  assert.equal(hidden, false);
});

test('vmdk descriptor: the offset behind the name of a flat extent is kept', () => {
  const { extents } = parse('RW 4192256 FLAT "d-f001.vmdk" 128\nrdonly 63 zero\n');
  assert.deepEqual(
    extents.map(({ type, fileName, rest }) => [type, fileName, rest]),
    [
      ['FLAT', 'd-f001.vmdk', '128'],
      ['ZERO', undefined, ''],
    ],
  );
});

test('vmdk descriptor: the text ends at the first NUL; what hides behind it is told', () => {
  assert.equal(parse('a=1\n\0\0\0').hidden, false);
  const { values, hidden } = parse('a=1\n\0b=2\n');
  assert.deepEqual([...values.keys()], ['a']);
  assert.equal(hidden, true);
});

test('vmdk descriptor H33: keys of JavaScript objects are keys like any other', () => {
  const { values } = parse('__proto__=x\nconstructor="y"\ntoString=z\n');
  assert.deepEqual([...values.keys()], ['__proto__', 'constructor', 'tostring']);
  assert.equal(values.get('constructor')?.value, 'y');
});

const bad: readonly [title: string, text: string, at: number][] = [
  ['a line that is nothing known', 'a=1\nnonsense\n', 512 + 4],
  ['an extent without quotes', 'RW 10 SPARSE disk.vmdk\n', 512],
  ['an extent whose quote never closes', 'RW 10 SPARSE "disk.vmdk\n', 512],
  ['an extent of no number of sectors', 'RW -1 SPARSE "d"\n', 512],
  ['an extent of 10^17 sectors', 'RW 100000000000000000 SPARSE "d"\n', 512],
  ['an extent without a type', 'RW 10 "d"\n', 512],
  ['an extent in another spelling that holds "="', 'rw 10 FLAT "a=b\n', 512],
  ['a value whose quote never closes', 'a="1\n', 512],
  ['one key with two values', 'parentCID=ffffffff\nPARENTCID=1\n', 512 + 19],
];
for (const [title, text, at] of bad) {
  test(`vmdk descriptor: ${title} is refused at its line`, () => {
    assert.throws(() => parse(text), {
      kind: 'disk-corrupt',
      where: { format: 'vmdk', field: 'descriptor', offset: at },
    });
  });
}

test('vmdk descriptor H33: long lines and many lines are refused, in linear time', () => {
  assert.throws(() => parse(`a=${'x'.repeat(4096)}\n`), { kind: 'disk-too-large' });
  assert.throws(() => parse('\n'.repeat(10_001)), { kind: 'disk-too-large' });
  assert.equal(parse('\n'.repeat(10_000)).values.size, 0);
  assert.throws(() => parse(`RW${' '.repeat(4000)}x\n`), { kind: 'disk-corrupt' });
});

test('vmdk descriptor: any bytes are parsed or refused with a kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        parseDescriptor(bytes, 0);
      } catch (error) {
        assert.ok(error instanceof DiskError);
      }
    }),
  );
});

const texts: readonly [text: string, is: boolean][] = [
  [descriptorText(), true],
  [descriptorText().toUpperCase(), true],
  ['\n\nversion=1\ncreateType="x"\n', true],
  ['# comment\nencoding="UTF-8"\nversion=1\ncreateType="x"\n', true],
  [`${descriptorText()}\0\0\0`, true],
  ['version=1\nno type\n', false],
  ['hello=1\ncreateType="x"\n', false],
  ['version=1\ncreateType="x"\n\x01', false],
  ['', false],
];
for (const [text, is] of texts) {
  test(`vmdk descriptor: ${JSON.stringify(text.slice(0, 40))} is ${is ? 'one' : 'none'}`, () => {
    assert.equal(isDescriptorText(bytesOf(text)), is);
  });
}
