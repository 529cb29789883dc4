import type { MigrationStep } from '../columns.ts';

export const jobs: MigrationStep = {
  name: 'jobs',
  async up() {},
};
