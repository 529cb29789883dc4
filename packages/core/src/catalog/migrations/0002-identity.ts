import type { MigrationStep } from '../columns.ts';

export const identity: MigrationStep = {
  name: 'identity',
  async up() {},
};
