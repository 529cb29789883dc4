import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const qed: FormatDriver = {
  name: 'qed',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'qed: being built')),
};
