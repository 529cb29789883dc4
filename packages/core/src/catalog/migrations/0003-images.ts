import type { MigrationStep } from '../columns.ts';

export const images: MigrationStep = {
  name: 'images',
  async up() {},
};
