import type { MigrationStep } from '../columns.ts';

export const buckets: MigrationStep = {
  name: 'buckets',
  async up() {},
};
