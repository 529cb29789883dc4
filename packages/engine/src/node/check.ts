import type { FormatName } from '../disk/disk.ts';
import type { InspectReport } from '../inspect/inspect.ts';
import { runTask } from './task-pool.ts';
import type { CheckedSource, SourceSpec } from './types.ts';

/**
 * Detect, inspect and scan a source in a worker thread: headers and tables only, no guest data.
 * @param options.stated the format that the caller states; it must be the content's
 * @throws {DiskError} the first rule that the file breaks, with all findings as `evidence`; the
 *   signal's reason; the system's error when a file can't be opened
 */
export async function checkSource(
  spec: SourceSpec,
  options: { stated?: FormatName; signal?: AbortSignal } = {},
): Promise<CheckedSource> {
  const { stated, signal } = options;
  return await runTask('check', { source: spec, stated }, { signal, urgent: true });
}

/**
 * The same for people: a report that also tells about a file that is refused.
 * @throws the signal's reason; the system's error when a file can't be opened or read
 */
export async function inspectSource(
  spec: SourceSpec,
  options: { stated?: FormatName; signal?: AbortSignal } = {},
): Promise<InspectReport> {
  const { stated, signal } = options;
  return await runTask('inspect', { source: spec, stated }, { signal, urgent: true });
}
