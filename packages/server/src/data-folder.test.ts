import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataFolderError, openDataFolder, writePrivately } from './data-folder.ts';

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'imageyard-data-'));
  await work(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

test('the key and the first password survive a restart, readable by the owner alone', () =>
  inFolder(async (folder) => {
    const first = await openDataFolder(join(folder, 'deep/er'));
    assert.equal(await first.readFirstPassword(), undefined);
    await first.writeFirstPassword('pass word ');
    first.release();
    const second = await openDataFolder(join(folder, 'deep/er'));
    assert.deepEqual(second.secretKey, first.secretKey);
    assert.equal(await second.readFirstPassword(), 'pass word ');
    for (const name of ['secret.key', 'first-password'])
      assert.equal((await stat(join(second.path, name))).mode & 0o777, 0o600);
    second.release();
  }));

test('a second process on the same folder is refused with the reason, and let in afterwards', () =>
  inFolder(async (folder) => {
    const held = await openDataFolder(folder);
    const script = `import { openDataFolder } from ${JSON.stringify(join(import.meta.dirname, 'data-folder.ts'))};
      try { (await openDataFolder(${JSON.stringify(folder)})).release(); console.log('in'); }
      catch (error) { console.log(error.name + ': ' + error.message); }`;
    const ask = (): string =>
      String(spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout);
    assert.match(
      ask(),
      new RegExp(`DataFolderError: .*in use by another imageyard \\(process ${process.pid}\\)`),
    );
    held.release();
    assert.equal(ask().trim(), 'in');
  }));

test('a private file is replaced whole and leaves no temporary one behind', () =>
  inFolder(async (folder) => {
    await writePrivately(join(folder, 'ready.json'), 'one');
    await writePrivately(join(folder, 'ready.json'), 'two');
    assert.deepEqual(await readdir(folder), ['ready.json']);
    await assert.rejects(writePrivately(join(folder, 'absent', 'ready.json'), 'x'));
  }));

test('a folder that cannot be made is refused in words', async () => {
  await assert.rejects(openDataFolder('/dev/null/x'), (error) => error instanceof DataFolderError);
});
