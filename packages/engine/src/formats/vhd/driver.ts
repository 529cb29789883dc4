import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const vhd: FormatDriver = {
  name: 'vhd',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'vhd: being built')),
};
