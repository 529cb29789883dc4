import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const raw: FormatDriver = {
  name: 'raw',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'raw: being built')),
};
