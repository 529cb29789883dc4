import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findOsVersion, osAttributes, osVersions } from './os-versions.ts';

test('every system of the catalogue is found by its own text', () => {
  assert.equal(osVersions.length, 266);
  for (const entry of osVersions) assert.equal(findOsVersion(entry.osVersion), entry);
});

test('case, the spelling of Red Hat and the console’s underscores make no difference', () => {
  assert.equal(findOsVersion('ubuntu 22.04 SERVER 64BIT')?.osVersion, 'Ubuntu 22.04 Server 64bit');
  assert.equal(findOsVersion('Redhat Linux Enterprise 9.1 64bit')?.platform, 'Red Hat');
  assert.equal(findOsVersion('Other_Windows (32_bit)')?.osVersion, 'Other Windows(32 bit)');
  assert.equal(findOsVersion('Plan 9'), undefined);
});

test('attributes come from the catalogue, and the text stays as it was given', () => {
  assert.deepEqual(osAttributes('other_windows (32_bit)'), {
    __os_version: 'other_windows (32_bit)',
    __os_type: 'Windows',
    __os_bit: '32',
    __platform: 'Other',
  });
  assert.equal(osAttributes('Rocky Linux 8.6 64bit')['__platform'], 'Other');
});

test('a text that the catalogue does not have is Linux with the bits that it names', () => {
  const attributes = osAttributes('Plan 9 32bit');
  assert.deepEqual(attributes, {
    __os_version: 'Plan 9 32bit',
    __os_type: 'Linux',
    __os_bit: '32',
    __platform: 'Other',
  });
  assert.equal(osAttributes('Plan 9')['__os_bit'], '64');
  assert.equal(osAttributes()['__os_version'], 'Other Linux(64 bit)');
});
