import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { settingsPage } from './config-docs.ts';

test('docs/settings.md is what the list of settings says (IMAGEYARD_WRITE_DOCS=1 writes it)', () => {
  const path = join(import.meta.dirname, '../../../docs/settings.md');
  if (process.env['IMAGEYARD_WRITE_DOCS']) writeFileSync(path, settingsPage());
  assert.equal(readFileSync(path, 'utf8'), settingsPage());
});
