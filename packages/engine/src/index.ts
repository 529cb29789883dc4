export * from './errors.ts';
export * from './limits.ts';
export type { RandomAccess } from './access/random-access.ts';
export type { Sink } from './access/sink.ts';
export * from './disk/disk.ts';
export type { FormatDriver, Ends, References } from './formats/driver.ts';
export { drivers, driverFor } from './formats/registry.ts';
export type * from './convert/layout.ts';
