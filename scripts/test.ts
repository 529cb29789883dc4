/**
 * `npm test [SUITE …]`: every suite, or those named. What a suite needs from Debian it installs itself
 * when it may (root on Debian); elsewhere it is left out by name. In CI (`CI=true`) nothing is left out:
 * what is missing fails.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const inCi = Boolean(process.env['CI']);

interface Suite {
  readonly name: string;
  readonly what: string;
  readonly files: readonly string[];
  /** Program → Debian package that has it. */
  readonly needs: Readonly<Record<string, string>>;
  /** A module that starts what all files of the suite share. */
  readonly setup?: string;
  readonly parallel: number;
  readonly timeoutMs: number;
}

const qemu = { 'qemu-img': 'qemu-utils', 'qemu-io': 'qemu-utils' };
const disks = { mke2fs: 'e2fsprogs', sfdisk: 'fdisk' };
const postgresql = { '/usr/lib/postgresql/*/bin/initdb': 'postgresql' };

const suites: readonly Suite[] = [
  {
    name: 'unit',
    what: 'the packages by themselves',
    files: ['packages/*/src/**/*.test.ts', 'scripts/*.test.ts'],
    needs: {},
    parallel: 2,
    timeoutMs: 120_000,
  },
  {
    name: 'catalog',
    what: 'the catalogue contract on SQLite and PostgreSQL',
    files: ['tests/catalog/**/*.test.ts'],
    setup: 'tests/catalog/global-setup.ts',
    needs: postgresql,
    parallel: 1,
    timeoutMs: 300_000,
  },
  {
    name: 'oracle',
    what: 'disk formats against qemu-img and the second opinions',
    files: ['tests/oracle/**/*.test.ts'],
    needs: {
      ...qemu,
      ...disks,
      '7zz': '7zip',
      vhdiinfo: 'libvhdi-utils',
      vmdkinfo: 'libvmdk-utils',
      qcowinfo: 'libqcow-utils',
    },
    parallel: 2,
    timeoutMs: 600_000,
  },
  {
    name: 'acceptance',
    what: 'the server through unchanged third-party clients',
    files: ['tests/acceptance/**/*.test.ts'],
    needs: {
      ...qemu,
      ...disks,
      ...postgresql,
      openstack: 'python3-openstackclient',
      s3cmd: 's3cmd',
      rclone: 'rclone',
      aws: 'awscli',
      curl: 'curl',
    },
    parallel: 1,
    timeoutMs: 600_000,
  },
  {
    name: 'kill',
    what: 'SIGKILL at every step, then resume',
    files: ['tests/kill/**/*.test.ts'],
    needs: qemu,
    parallel: 1,
    timeoutMs: 600_000,
  },
  {
    name: 'fuzz',
    what: 'a short run of the fuzzer over every reader, and the kept corpus',
    files: ['tests/fuzz/**/*.test.ts'],
    needs: {},
    parallel: 2,
    timeoutMs: 300_000,
  },
];

/** Folders where Debian puts administrators' programs, which an ordinary user's PATH leaves out. */
const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function found(program: string): boolean {
  if (program.startsWith('/')) return globSync(program).length > 0;
  return path.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

const missing = (suite: Suite): [string, string][] =>
  Object.entries(suite.needs).filter(([program]) => !found(program));

/** Install Debian packages, quietly; says what it does. @returns whether that was possible */
function install(packages: readonly string[]): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  console.log(`installing from Debian: ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]): number | null =>
    spawnSync('apt-get', ['-q', '-y', '-o', 'Dpkg::Use-Pty=0', ...args], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status;
  return apt('update') === 0 && apt('install', '--no-install-recommends', ...packages) === 0;
}

function run(title: string, command: string, args: readonly string[]): boolean {
  console.log(`\n== ${title}`);
  const started = performance.now();
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: [join(root, 'node_modules/.bin'), ...path].join(delimiter) },
  });
  console.log(
    `== ${title}: ${status === 0 ? 'passed' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
  return status === 0;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => name !== 'check' && !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(
    `no such suite: ${unknown.join(', ')}; there are check, ${suites.map((s) => s.name).join(', ')}`,
  );
  process.exit(2);
}
const chosen = suites.filter((suite) => asked.length === 0 || asked.includes(suite.name));
const packages = [...new Set(chosen.flatMap((suite) => missing(suite).map(([, name]) => name)))];
if (packages.length > 0) install(packages);

const failed: string[] = [];
const leftOut: string[] = [];
let passed = 0;
const count = (name: string, ok: boolean): void => void (ok ? passed++ : failed.push(name));

if (asked.length === 0 || asked.includes('check'))
  count('check', run('check: types, lint, format, import rules', process.execPath, ['scripts/check.ts']));
for (const suite of chosen) {
  const lacking = missing(suite);
  if (lacking.length > 0) {
    const words = `${suite.name} (${suite.what}): needs ${lacking.map(([p, d]) => `${p} from Debian's ${d}`).join(', ')}`;
    if (inCi) failed.push(words);
    else leftOut.push(words);
    continue;
  }
  const files = suite.files.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
  if (files.length === 0) {
    failed.push(`${suite.name}: no test files`);
    continue;
  }
  const args = ['--test', `--test-concurrency=${suite.parallel}`, `--test-timeout=${suite.timeoutMs}`];
  if (suite.setup) args.push(`--test-global-setup=${suite.setup}`);
  const reporter = inCi
    ? ['--test-reporter=spec']
    : ['--test-reporter=dot', '--test-reporter-destination=stdout'];
  count(suite.name, run(`${suite.name}: ${suite.what}`, process.execPath, [...args, ...reporter, ...files]));
}

for (const words of leftOut) console.log(`left out: ${words}`);
for (const words of failed) console.log(`failed: ${words}`);
console.log(
  `\n${passed} passed, ${failed.length} failed${leftOut.length ? `, ${leftOut.length} skipped` : ''}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
