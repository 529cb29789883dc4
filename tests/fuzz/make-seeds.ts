/** Make the fuzzer's seeds again: small images by qemu-img, packed with gzip. Committed; this is their recipe. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const MiB = 1024 ** 2;
const work = mkdtempSync(join(tmpdir(), 'imageyard-seeds-'));
const raw = Buffer.alloc(4 * MiB);
for (let i = 0; i < 70_000; i++) raw[i] = (i * 2654435761) >>> 24;
raw.write('text that packs\n'.repeat(3000), 2 * MiB);
raw.fill(7, raw.length - 700);
writeFileSync(join(work, 'raw'), raw);

/** name, format, options, more arguments of `qemu-img convert` */
const recipes: readonly (readonly [string, string, string, ...string[]])[] = [
  ['qcow2', 'qcow2', 'cluster_size=4096'],
  ['qcow2-v2', 'qcow2', 'compat=0.10'],
  ['qcow2-zlib', 'qcow2', 'cluster_size=16384', '-c'],
  ['qcow2-zstd', 'qcow2', 'compression_type=zstd', '-c'],
  ['qcow2-extended', 'qcow2', 'extended_l2=on,cluster_size=16384'],
  ['qcow', 'qcow', ''],
  ['qcow-packed', 'qcow', '', '-c'],
  ['qed', 'qed', 'cluster_size=4096,table_size=2'],
  ['vhd-dynamic', 'vpc', 'force_size=on'],
  ['vhd-fixed', 'vpc', 'subformat=fixed,force_size=on'],
  ['vhdx', 'vhdx', 'block_size=1M'],
  ['vdi', 'vdi', ''],
  ['vdi-static', 'vdi', 'static=on'],
  ['vmdk', 'vmdk', ''],
  ['vmdk-zeroed', 'vmdk', 'zeroed_grain=on'],
  ['vmdk-stream', 'vmdk', 'subformat=streamOptimized'],
];
for (const [name, format, options, ...more] of recipes) {
  const file = join(work, name);
  try {
    execFileSync('qemu-img', [
      'convert',
      '-q',
      '-f',
      'raw',
      '-O',
      format,
      ...(options ? ['-o', options] : []),
      ...more,
      join(work, 'raw'),
      file,
    ]);
  } catch (error) {
    if (name !== 'qcow-packed') throw error; // qemu-img 7.2 writes it right and exits with 1
  }
  writeFileSync(join(import.meta.dirname, 'seeds', `${name}.gz`), gzipSync(readFileSync(file), { level: 9 }));
}
rmSync(work, { recursive: true });
