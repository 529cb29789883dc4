import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const vhdx: FormatDriver = {
  name: 'vhdx',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'vhdx: being built')),
};
