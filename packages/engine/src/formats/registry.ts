import { DiskError } from '../errors.ts';
import type { FormatName } from '../disk/disk.ts';
import type { FormatDriver } from './driver.ts';
import { qcow } from './qcow/driver.ts';
import { qcow2 } from './qcow2/driver.ts';
import { qed } from './qed/driver.ts';
import { iso } from './raw/iso.ts';
import { raw } from './raw/driver.ts';
import { vdi } from './vdi/driver.ts';
import { vhd } from './vhd/driver.ts';
import { vhdx } from './vhdx/driver.ts';
import { vmdk } from './vmdk/driver.ts';
import { zvhd } from './zvhd/driver.ts';
import { zvhd2 } from './zvhd/driver2.ts';

/** All drivers, in the order in which findings name them; raw is the absence of a match and last. */
export const drivers: readonly FormatDriver[] = [
  qcow2,
  qcow,
  qed,
  vhdx,
  vhd,
  vdi,
  vmdk,
  zvhd,
  zvhd2,
  iso,
  raw,
];

/** @throws {DiskError} `disk-unsupported` */
export function driverFor(name: FormatName): FormatDriver {
  const driver = drivers.find((d) => d.name === name);
  if (!driver) throw new DiskError('disk-unsupported', `${name}: no driver for this format`);
  return driver;
}
