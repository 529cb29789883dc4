import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const vmdk: FormatDriver = {
  name: 'vmdk',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'vmdk: being built')),
};
