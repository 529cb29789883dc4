import { DiskError } from '../../errors.ts';
import type { FormatDriver } from '../driver.ts';

export const zvhd2: FormatDriver = {
  name: 'zvhd2',
  matches: () => false,
  open: () => Promise.reject(new DiskError('disk-unsupported', 'zvhd2: being built')),
};
