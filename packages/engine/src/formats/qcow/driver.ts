import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const qcow: FormatDriver = {
  name: 'qcow',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'qcow: being built')),
};
