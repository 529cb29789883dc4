import type { FormatName } from '../disk/disk.ts';
import { cutShort } from '../errors.ts';
import { Checks } from '../formats/checks.ts';
import type { Detection } from './detect.ts';

/** How a file is to be read, or why not (a refused finding). */
export interface Choice {
  /** The format to open; present even when refused, where exactly one is in question. */
  readonly format: FormatName | undefined;
  /** What the content is, in one word. */
  readonly content: string;
  readonly checks: Checks;
}

/**
 * Decides from what all probes found and what the caller stated as the source's format.
 * Without a statement two faces are ambiguous; a statement picks one of those that are there, and
 * `raw` is believed only where nothing else is found but an optical disc or a stray footer.
 */
export function chooseFormat(detection: Detection, stated: FormatName | undefined): Choice {
  const { disks, foreign, size } = detection;
  const names = [...disks.map((d) => d.format as string), ...foreign.map((f) => f.name)];
  const content = names.length === 0 ? 'raw' : names.join(' and ');
  const checks = new Checks(names.length === 1 ? content : 'file');
  const choice = (format: FormatName | undefined): Choice => ({ format, content, checks });

  if (size === 0) {
    checks.refused('detect', 'disk-empty', 'the file has no bytes', { offset: 0 }, cutShort);
    return { format: undefined, content: 'empty', checks };
  }
  if (stated !== undefined && disks.some((d) => d.format === stated)) {
    if (names.length === 1) checks.passed('detect', `is ${stated}, as stated`);
    else checks.noted('detect', `read as ${stated}, as stated; it also looks like ${others(names, stated)}`);
    return choice(stated);
  }
  if (stated === 'raw' && foreign.length === 0 && disks.every((d) => yieldsToRaw(detection, d.format))) {
    if (disks.length === 0) checks.passed('detect', 'nothing but raw data was found, as stated');
    else checks.noted('detect', `read as raw, as stated; it also looks like ${content}`);
    return choice('raw');
  }
  if (names.length > 1) {
    checks.refused(
      'detect',
      'disk-ambiguous',
      placesOf(detection),
      { offset: disks[0]?.offset ?? 0 },
      'convert it with the program that made it, or state the format',
    );
    return choice(undefined);
  }
  if (foreign[0]) {
    const { kind, fact, offset, wayOut } = foreign[0];
    checks.refused('detect', kind, fact, { offset }, wayOut);
    return choice(undefined);
  }
  const format = disks[0]?.format ?? 'raw';
  if (stated !== undefined && stated !== format) {
    const fact = `stated ${stated}, content is ${format}`;
    checks.refused('detect', 'disk-mismatch', fact, { offset: 0, value: stated }, `state ${format}`);
  } else {
    checks.passed('detect', format === 'raw' ? 'no other format was found: raw' : `is ${format}`);
  }
  return choice(format);
}

const yieldsToRaw = (detection: Detection, format: FormatName): boolean =>
  format === 'iso' || (format === 'vhd' && detection.strayFooter);

const others = (names: readonly string[], stated: string): string =>
  names.filter((name) => name !== stated).join(' and ');

function placesOf({ disks, foreign }: Detection): string {
  const all = [
    ...disks.map((d) => `${d.format} at byte ${d.offset}`),
    ...foreign.map((f) => `${f.name} at byte ${f.offset}`),
  ];
  return `looks like ${all.slice(0, 4).join(' and ')}`;
}
