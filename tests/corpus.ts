/** The disk that benchmarks move: a real ext4 file system of about 1 GiB, made once in a cache folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const corpusFolder = process.env['IMAGEYARD_BENCH_FOLDER'] ?? join(tmpdir(), 'imageyard-bench');

export interface Corpus {
  readonly raw: string;
  readonly qcow2: string; // zlib
  readonly vmdk: string; // streamOptimized
}

const sh = (line: string): void =>
  void execFileSync('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'inherit'] });

/** `mib` MiB of this machine's /usr in a file system a third larger, with holes, as raw and packed files. */
export function makeCorpus(mib = 1000): Corpus {
  mkdirSync(corpusFolder, { recursive: true });
  const base = join(corpusFolder, `disk-${mib}`);
  const corpus = { raw: `${base}.raw`, qcow2: `${base}.qcow2`, vmdk: `${base}.vmdk` };
  if (!existsSync(corpus.raw)) {
    const root = `${base}.root`;
    console.log(`making ${corpus.raw} …`);
    mkdirSync(root, { recursive: true });
    // Whole files in a fixed order until the wanted size is reached.
    sh(
      `cd /usr && find bin lib share include -xdev -type f -size -64M -printf '%s %p\\n' | LC_ALL=C sort -k2 | ` +
        `awk '{ t += $1; if (t > ${mib} * 1048576) exit; print $2 }' | cpio --quiet -pdm '${root}' 2>/dev/null || ` +
        `(cd /usr && find bin lib share include -xdev -type f -size -64M -printf '%s %p\\n' | LC_ALL=C sort -k2 | ` +
        `awk '{ t += $1; if (t > ${mib} * 1048576) exit; print $2 }' | tar -cf - -T - | tar -xf - -C '${root}')`,
    );
    sh(`mke2fs -q -t ext4 -d '${root}' '${base}.tmp' ${Math.ceil((mib * 4) / 3)}M`);
    rmSync(root, { recursive: true, force: true });
    renameSync(`${base}.tmp`, corpus.raw);
  }
  if (!existsSync(corpus.qcow2))
    sh(
      `qemu-img convert -q -f raw -O qcow2 -c '${corpus.raw}' '${base}.q' && mv '${base}.q' '${corpus.qcow2}'`,
    );
  if (!existsSync(corpus.vmdk))
    sh(
      `qemu-img convert -q -f raw -O vmdk -o subformat=streamOptimized '${corpus.raw}' '${base}.v' && mv '${base}.v' '${corpus.vmdk}'`,
    );
  return corpus;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** Seconds that `work` takes. */
export async function seconds(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
