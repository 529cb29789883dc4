// Runs as the root postinstall, under whatever Node called npm: plain old JavaScript only.
// Links the pinned Node (an optional platform package) as node_modules/.bin/node, so that
// `npm start`, `npm test`, `npx` and `#!/usr/bin/env node` all use it (docs/adr/0001).
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FLOOR = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const os = windows ? 'win' : process.platform;
const candidates = [`node-${os}-${process.arch}`, `node-bin-${os}-${process.arch}`]
  .map((name) => join(root, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node'))
  .filter((path) => existsSync(path));
const link = join(root, 'node_modules', '.bin', windows ? 'node.exe' : 'node');

function runs(binary) {
  try {
    return Number(/^v(\d+)/.exec(String(execFileSync(binary, ['-v'])))?.[1]) >= FLOOR;
  } catch {
    return false; // a glibc binary on musl, a foreign architecture
  }
}

const pinned = candidates.find(runs);
if (pinned) {
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  if (windows) copyFileSync(pinned, link);
  else symlinkSync(pinned, link);
} else if (Number(process.versions.node.split('.')[0]) < FLOOR) {
  console.error(
    `imageyard: needs Node ${FLOOR} or later; this is ${process.version} and no pinned Node for ` +
      `${process.platform}-${process.arch} could be installed. Install Node ${FLOOR}, or run npm ci without --omit=optional.`,
  );
  process.exit(1);
}
