/** Sound files that the hostile ones are made from: small disks by qemu-img, ZVHD by the vendor's tool. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Guest bytes: 6 MiB and a sector, so that no unit of any format ends with the disk. */
export const guestBytes = 6 * 1024 * 1024 + 512;

const made = {
  qcow2: ['qcow2'],
  qcow2v2: ['qcow2', '-o', 'compat=0.10'],
  qcow2zlib: ['qcow2', '-c'],
  qcow2zstd: ['qcow2', '-c', '-o', 'compression_type=zstd'],
  qcow2extended: ['qcow2', '-o', 'extended_l2=on,cluster_size=128k'],
  qcow: ['qcow'],
  qed: ['qed'],
  vhd: ['vpc', '-o', 'force_size=on'],
  vhdFixed: ['vpc', '-o', 'force_size=on,subformat=fixed'],
  vhdx: ['vhdx', '-o', 'block_size=1M'],
  vdi: ['vdi'],
  vmdk: ['vmdk'],
  vmdkStream: ['vmdk', '-o', 'subformat=streamOptimized'],
} as const;

const fixtures = { zvhd: 'tail.zvhd', zvhdTwo: 'small.zvhd', zvhd2: 'small.zvhd2', zvhd2zlib: 'zlib.zvhd2' };

export type Bases = Readonly<Record<keyof typeof made | keyof typeof fixtures | 'raw', Buffer>>;

/** Bytes that look random and don't pack, the same in every run. */
export function noise(length: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 64 < length; i++) blocks.push(createHash('sha512').update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

function guest(): Buffer {
  const disk = Buffer.alloc(guestBytes);
  noise(4096, 'start').copy(disk);
  disk.set([0, 0, 0, 0], 508); // no boot signature
  noise(200_192, 'middle').copy(disk, 3 * 1024 * 1024);
  disk.fill('text\n', 4 * 1024 * 1024, 4 * 1024 * 1024 + 307_200);
  noise(512, 'end').copy(disk, guestBytes - 512);
  return disk;
}

/** Make all of them. @throws when qemu-img is missing */
export function makeBases(): Bases {
  const folder = mkdtempSync(join(tmpdir(), 'imageyard-bases-'));
  try {
    const source = join(folder, 'raw');
    writeFileSync(source, guest());
    const bases: Record<string, Buffer> = { raw: readFileSync(source) };
    for (const [name, [format, ...options]] of Object.entries(made)) {
      const target = join(folder, name);
      execFileSync('qemu-img', ['convert', '-q', '-f', 'raw', '-O', format, ...options, source, target]);
      bases[name] = readFileSync(target);
    }
    for (const [name, file] of Object.entries(fixtures))
      bases[name] = readFileSync(join(import.meta.dirname, '../../fixtures/zvhd', file));
    return bases as unknown as Bases;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that `qemu-img create` makes. */
export function created(...args: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'imageyard-created-'));
  try {
    const [size, ...options] = args.toReversed();
    execFileSync('qemu-img', ['create', '-q', ...options.toReversed(), join(folder, 'disk'), size!]);
    return readFileSync(join(folder, 'disk'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export type Where = `${string} at byte ${number}` | RegExp;

export interface Recipe {
  /** `H8 …` names the hazard, `CVE-…` the flaw that others had. */
  readonly title: string;
  readonly make: (bases: Bases) => Buffer;
  /** Format that the sentence begins with. */
  readonly format: string;
  /** `<field> at byte <offset>`, as the sentence names it, or what the sentence must match. */
  readonly where: Where;
  /** Documented code of the job; IMG.0057 unless told. */
  readonly code?: string;
  /** Only the data show it: no bound on the time to the refusal. */
  readonly inData?: true;
}
