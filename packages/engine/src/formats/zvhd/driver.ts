import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const zvhd: FormatDriver = {
  name: 'zvhd',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'zvhd: being built')),
};
