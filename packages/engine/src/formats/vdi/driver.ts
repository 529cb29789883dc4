import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const vdi: FormatDriver = {
  name: 'vdi',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'vdi: being built')),
};
