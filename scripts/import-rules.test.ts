import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

/** A tree with one importing and one imported file, judged by the project's rules. */
function judge(from: string, importLine: string, target?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'imageyard-rules-'));
  try {
    for (const [path, text] of [
      [from, importLine],
      ...(target ? [[target, 'export const a = 1;\n']] : []),
    ] as const) {
      mkdirSync(join(folder, path!, '..'), { recursive: true });
      writeFileSync(join(folder, path!), text!);
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const { stdout } = spawnSync(
      join(root, 'node_modules/.bin/depcruise'),
      ['--config', join(root, 'scripts/import-rules.cjs'), '--output-type', 'err', 'packages'],
      { cwd: folder, encoding: 'utf8' },
    );
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a forbidden import between rooms is found', () => {
  const up = '../../core/src/a.ts';
  assert.match(
    judge(
      'packages/engine/src/x.ts',
      `import { a } from '${up}';\nexport { a };\n`,
      'packages/core/src/a.ts',
    ),
    /engine-knows-nobody/,
  );
  assert.match(
    judge(
      'packages/engine/src/x.ts',
      `import type { a } from '${up}';\nexport type A = typeof a;\n`,
      'packages/core/src/a.ts',
    ),
    /engine-knows-nobody/,
  );
  assert.match(
    judge(
      'packages/engine/src/disk/x.ts',
      "import { readFileSync } from 'node:fs';\nexport { readFileSync };\n",
    ),
    /engine-is-pure/,
  );
});

test('an allowed import passes', () => {
  assert.match(
    judge(
      'packages/core/src/x.ts',
      "import { a } from '../../engine/src/a.ts';\nexport { a };\n",
      'packages/engine/src/a.ts',
    ),
    /no dependency violations/,
  );
});
