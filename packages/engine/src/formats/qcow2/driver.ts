import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const qcow2: FormatDriver = {
  name: 'qcow2',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'qcow2: being built')),
};
