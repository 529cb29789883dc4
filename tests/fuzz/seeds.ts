import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every seed: files made by qemu-img (`make-seeds.ts`), and the platform tool's ZVHD and ZVHD2 files. */
export function readSeeds(): Seed[] {
  const folder = join(import.meta.dirname, 'seeds');
  const packed = readdirSync(folder).map((name) => ({
    name: basename(name, '.gz'),
    bytes: gunzipSync(readFileSync(join(folder, name))),
  }));
  const fixtures = join(import.meta.dirname, '../fixtures/zvhd');
  const zvhd = readdirSync(fixtures)
    .filter((name) => /\.zvhd2?$/.test(name))
    .map((name) => ({ name, bytes: readFileSync(join(fixtures, name)) }));
  return [...packed, ...zvhd].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
