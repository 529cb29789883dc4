/** `npm run check`: types, lint, format, import rules between rooms. Every step runs; one failure fails all. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const steps: readonly (readonly [string, readonly string[]])[] = [
  ['tsc', ['-p', '.']],
  ['oxlint', ['--deny-warnings', 'packages', 'scripts', 'tests', 'bench']],
  ['oxfmt', ['--check', 'packages', 'scripts', 'tests', 'bench']],
  [
    'depcruise',
    ['--config', 'scripts/import-rules.cjs', '--output-type', 'err', 'packages', 'tests/acceptance'],
  ],
];

let failed = 0;
for (const [tool, args] of steps) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', tool), args, {
    cwd: root,
    encoding: 'utf8',
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${tool} (${seconds} s)`);
  if (status !== 0) {
    failed++;
    console.log(`${stdout}${stderr}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
