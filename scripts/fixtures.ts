/**
 * `npm run fixtures`: make the sample disk again, with Debian's own programs (fdisk, dosfstools, mtools,
 * e2fsprogs, qemu-utils), and write down how. The result is committed; this is its recipe.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const target = join(root, 'tests/fixtures/sample');
const MiB = 1024 ** 2;
const disk = {
  bytes: 64 * MiB,
  efiStart: 1 * MiB,
  efiBytes: 8 * MiB,
  rootStart: 9 * MiB,
  rootBytes: 54 * MiB,
};

const work = mkdtempSync(join(tmpdir(), 'imageyard-fixtures-'));
const commands: string[] = [];
const env = {
  ...process.env,
  PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
  E2FSPROGS_FAKE_TIME: '1700000000',
  SOURCE_DATE_EPOCH: '1700000000',
};

/** Run one command of the recipe in the work folder and note it. */
function run(command: string, args: readonly string[], input?: string): string {
  commands.push([command, ...args].join(' ') + (input ? ` <<< ${JSON.stringify(input)}` : ''));
  return String(execFileSync(command, args, { cwd: work, env, ...(input ? { input } : {}) }));
}
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

try {
  mkdirSync(join(work, 'root/etc'), { recursive: true });
  mkdirSync(join(work, 'root/var/log'), { recursive: true });
  writeFileSync(
    join(work, 'root/etc/os-release'),
    'PRETTY_NAME="Imageyard sample"\nID=imageyard-sample\nVERSION_ID="1"\n',
  );
  writeFileSync(
    join(work, 'root/etc/fstab'),
    'PARTUUID=8f1d2c3b-0002-4000-8000-000000000002 / ext4 defaults 0 1\n',
  );
  copyFileSync(join(root, 'LICENSE'), join(work, 'root/etc/LICENSE'));
  writeFileSync(join(work, 'root/var/log/text.log'), 'a line that packs well\n'.repeat(20_000));
  writeFileSync(join(work, 'EFI.TXT'), 'this partition would hold a boot loader\n');

  writeFileSync(join(work, 'disk.raw'), '');
  truncateSync(join(work, 'disk.raw'), disk.bytes);
  const table =
    'label: gpt\nlabel-id: 8F1D2C3B-0000-4000-8000-000000000000\n' +
    `start=${disk.efiStart / 512}, size=${disk.efiBytes / 512}, type=U, uuid=8F1D2C3B-0001-4000-8000-000000000001, name=efi\n` +
    `start=${disk.rootStart / 512}, size=${disk.rootBytes / 512}, type=L, uuid=8F1D2C3B-0002-4000-8000-000000000002, name=root\n`;
  run('sfdisk', ['-q', 'disk.raw'], table);
  run('mkfs.vfat', [
    '-n',
    'EFI',
    '-i',
    '1A2B3C4D',
    '--invariant',
    '-C',
    'efi.img',
    String(disk.efiBytes / 1024),
  ]);
  run('mcopy', ['-m', '-i', 'efi.img', 'EFI.TXT', '::EFI.TXT']);
  run('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-L',
    'root',
    '-U',
    '8f1d2c3b-0003-4000-8000-000000000003',
    '-E',
    'hash_seed=8f1d2c3b-0004-4000-8000-000000000004,root_owner=0:0',
    '-d',
    'root',
    'root.img',
    `${disk.rootBytes / 1024}k`,
  ]);
  run('dd', [
    'if=efi.img',
    'of=disk.raw',
    'bs=1M',
    `seek=${disk.efiStart / MiB}`,
    'conv=notrunc,sparse',
    'status=none',
  ]);
  run('dd', [
    'if=root.img',
    'of=disk.raw',
    'bs=1M',
    `seek=${disk.rootStart / MiB}`,
    'conv=notrunc,sparse',
    'status=none',
  ]);
  run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-c', 'disk.raw', 'sample.qcow2']);

  mkdirSync(target, { recursive: true });
  copyFileSync(join(work, 'sample.qcow2'), join(target, 'sample.qcow2'));
  const manifest = {
    'sample.qcow2': {
      what: 'GPT disk with a FAT partition and an ext4 file system, qcow2 with zlib clusters',
      commands,
      tools: [run('qemu-img', ['--version']).split('\n')[0], run('sfdisk', ['--version']).trim()],
      fileBytes: statSync(join(target, 'sample.qcow2')).size,
      fileSha256: sha256(join(target, 'sample.qcow2')),
      guestBytes: disk.bytes,
      guestSha256: sha256(join(work, 'disk.raw')),
    },
  };
  writeFileSync(join(target, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  console.log(`tests/fixtures/sample/sample.qcow2: ${manifest['sample.qcow2'].fileBytes} bytes`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
