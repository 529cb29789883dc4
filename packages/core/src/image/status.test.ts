import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageStatuses } from './record.ts';
import { checkStatusChange, statusChanges } from './status.ts';

test('an image becomes active only from a state in which its data was arriving or is there', () => {
  const before = imageStatuses.filter((from) => statusChanges[from].includes('active'));
  assert.deepEqual(before, ['saving', 'importing', 'deactivated']);
});

test('every image can be deleted, and nothing follows', () => {
  for (const from of imageStatuses) assert.equal(statusChanges[from].includes('deleted'), from !== 'deleted');
  assert.deepEqual(statusChanges.deleted, []);
});

test('killed is final but for deletion', () => {
  assert.deepEqual(statusChanges.killed, ['deleted']);
});

test('what the table does not have is refused with both states', () => {
  checkStatusChange('i', 'queued', 'saving');
  assert.throws(() => checkStatusChange('i', 'active', 'saving'), {
    kind: 'image-wrong-state',
    message: 'Image status transition from active to saving is not allowed',
    facts: { imageId: 'i', status: 'active', wanted: 'saving' },
  });
});
