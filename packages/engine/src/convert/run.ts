import type { Sink } from '../access/sink.ts';
import type { Disk } from '../disk/disk.ts';
import { writeHead, writeTail } from './ends.ts';
import { Frontier, type ConversionMark } from './frontier.ts';
import { runLane } from './lane.ts';
import type { Layout } from './layout.ts';
import { groupBytes } from './plan.ts';
import { Recorder } from './recorder.ts';
import { LocalTicket } from './ticket.ts';

export interface ConvertOptions {
  /** Groups moved side by side; useful where the source or the sink waits. Default 1. */
  readonly lanes?: number;
  readonly resume?: ConversionMark;
  readonly signal?: AbortSignal;
  /** Output bytes between two marks; default 64 MiB. */
  readonly markBytes?: number;
  /** One at a time; the conversion goes on meanwhile, but does not end before it. */
  onMark?(mark: ConversionMark): Promise<void>;
  onProgress?(dataBytesDone: number): void;
}

/**
 * Move a disk into a new file on this thread, in one pass. Worker threads do the same with
 * `runLane` over shared memory (`node/convert.ts`).
 * @returns length of the output in bytes
 * @throws what source, codec and sink throw; the signal's reason
 */
export async function convertDisk(
  disk: Disk,
  layout: Layout,
  sink: Sink,
  options: ConvertOptions = {},
): Promise<{ fileSize: number }> {
  const { signal, resume } = options;
  signal?.throwIfAborted();
  await writeHead(layout, sink);
  const frontier = new Frontier(layout, groupBytes(disk, layout), resume);
  const start = { group: frontier.groupsDone, fileEnd: frontier.fileEnd };
  const ticket = new LocalTicket(start, layout.alignment);
  const hooks = {
    onMark: options.onMark?.bind(options),
    onData: options.onProgress?.bind(options),
    onFailure: () => ticket.stop(),
  };
  const recorder = new Recorder(frontier, hooks, options.markBytes);
  const stop = (): void => ticket.stop();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop(); // while the source was opened: nobody will tell us again
  try {
    const report = recorder.add.bind(recorder);
    const lanes = Array.from({ length: options.lanes ?? 1 }, () =>
      runLane({ disk, layout, sink, ticket, report }),
    );
    const ended = await Promise.allSettled(lanes);
    const failed = ended.find((lane) => lane.status === 'rejected');
    await recorder.settle();
    signal?.throwIfAborted();
    if (failed) throw failed.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  const fileSize = await writeTail(layout, sink, frontier.runs.slice(), frontier.fileEnd);
  return { fileSize };
}
