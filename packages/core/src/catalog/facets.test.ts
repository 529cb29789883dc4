import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { columnFacet, deletedFacet, propertyFacet, tagFacet } from './facets.ts';

test('no two values share a facet, whatever they contain', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('', '=', '#', '\u001f', '\u001f=a', 'x'.repeat(201)));
  const name = text.filter((value) => !value.includes('\u001f')); // names have no control characters
  const property = fc.tuple(name, text);
  fc.assert(
    fc.property(property, property, text, (first, second, tag) => {
      const same = first[0] === second[0] && first[1] === second[1];
      assert.equal(propertyFacet(...first) === propertyFacet(...second), same);
      assert.notEqual(propertyFacet(...first), tagFacet(tag));
      assert.notEqual(deletedFacet(propertyFacet(...first)), propertyFacet(...second));
    }),
  );
});

test('a long value has a short facet of its own', () => {
  const [a, b] = ['a', 'b'].map((end) => propertyFacet('name', 'é'.repeat(30_000) + end));
  assert.notEqual(a, b);
  assert.ok(a!.length < 100);
});

test('values that most images have are looked up in their column', () => {
  assert.equal(columnFacet('status', 'active'), undefined);
  assert.equal(columnFacet('min_disk', '0'), undefined);
  assert.notEqual(columnFacet('status', 'queued'), undefined);
  assert.notEqual(columnFacet('name', ''), undefined);
});
