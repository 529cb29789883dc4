import { DiskError, drivers } from '@imageyard/engine';
import type { FormatName } from '@imageyard/engine';
import type { CheckedSource } from '@imageyard/engine/node';
import { isFormat } from './steps/check.ts';

/** Declared formats whose bytes must be recognised as nothing. */
const plainFormats = new Set(['raw', 'ami', 'ari', 'aki']);
/** A fixed VHD has its mark at the end, an ISO may start like anything. */
const lateMarks = new Set<FormatName>(['vhd', 'iso']);
const tailBytes = 64 * 1024;

/**
 * Refuse an upload that its first 64 KiB give away, before it is written.
 * @param sizeBytes announced length, if any
 * @throws {DiskError} `disk-mismatch`
 */
export function checkUploadHead(declared: string, head: Uint8Array, sizeBytes: number | undefined): void {
  if (head.length === 0) return;
  const size = sizeBytes ?? Number.MAX_SAFE_INTEGER;
  const tail = head.length < tailBytes ? head : new Uint8Array(tailBytes);
  const found = drivers.filter(
    (driver) => driver.name !== 'raw' && driver.name !== 'iso' && driver.matches({ size, head, tail }),
  );
  const [first] = found;
  if (plainFormats.has(declared)) {
    if (first) throw mismatch(declared, first.name);
  } else if (isFormat(declared) && !lateMarks.has(declared)) {
    if (!found.some((driver) => driver.name === declared)) throw mismatch(declared, first?.name ?? 'raw');
  }
}

/**
 * How the engine is asked about an upload: with the declared format, where it is one of ours.
 * Others (`ami`, `ploop`, …) must be recognised as nothing.
 */
export function statedFormat(declared: string): FormatName {
  return isFormat(declared) ? declared : 'raw';
}

/** Declared raw and recognised as an optical disc: our rule is stricter than the engine's. */
export function checkUploadFound(declared: string, checked: Pick<CheckedSource, 'findings'>): void {
  if (!plainFormats.has(declared)) return;
  const doubt = checked.findings.find(({ check, level }) => check === 'detect' && level === 'noted');
  if (doubt) throw new DiskError('disk-mismatch', doubt.message, { format: declared, offset: 0 });
}

function mismatch(declared: string, found: string): DiskError {
  return new DiskError(
    'disk-mismatch',
    `${found}: declared ${declared}, content is ${found}; state disk_format ${found}`,
    { format: found, offset: 0, value: declared },
  );
}
