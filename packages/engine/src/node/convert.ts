import { availableParallelism } from 'node:os';
import { Frontier } from '../convert/frontier.ts';
import { Recorder } from '../convert/recorder.ts';
import { SharedTicket } from '../convert/ticket.ts';
import { createHashFollower } from './hash.ts';
import type { ConversionEnds, ConversionPlan } from './task-messages.ts';
import { runTask } from './task-pool.ts';
import { throttled } from './throttle.ts';
import type { ConversionHooks, ConversionRequest, ConversionResult, Digests, HashFollower } from './types.ts';

/**
 * Convert a checked source into a file, in worker threads: lanes move groups of guest bytes,
 * hash threads follow the writer where the layout allows it, else read the finished file.
 * The target is made, or emptied unless resumed; it is not synced and not removed on failure.
 * The source must have passed `checkSource`.
 * @throws {DiskError} what source and codecs throw, from whichever thread; the signal's reason
 */
export async function runConversion(
  request: ConversionRequest,
  hooks: ConversionHooks = {},
): Promise<ConversionResult> {
  const { signal } = hooks;
  const { source, sourceFormat, targetPath, targetFormat, options, resume } = request;
  const ends: ConversionEnds = { source, sourceFormat, targetPath, targetFormat, options };
  const urgent = { signal, urgent: true };
  const plan = await runTask('begin', { ends, resumed: resume !== undefined }, urgent);
  const frontier = new Frontier(plan.layout, plan.groupBytes, resume);
  const follower = createHashFollower(plan.layout.ascending ? request.hashes : []);
  try {
    await moveAll({ request, hooks, ends, plan, frontier, follower });
    const { fileSize } = await runTask(
      'end',
      { ends, runs: frontier.runs.pack(), fileEnd: frontier.fileEnd, fingerprint: plan.fingerprint },
      urgent,
    );
    const digests = await hashRest({ request, hooks, plan, frontier, follower, fileSize });
    return { fileSize, virtualSize: plan.layout.virtualSize, digests };
  } finally {
    follower.abandon();
  }
}

interface Conversion {
  readonly request: ConversionRequest;
  readonly hooks: ConversionHooks;
  readonly plan: ConversionPlan;
  readonly frontier: Frontier;
  readonly follower: HashFollower;
}

/** Run the lanes to their end; the follower gets what is final. */
async function moveAll(conversion: Conversion & { readonly ends: ConversionEnds }): Promise<void> {
  const { request, hooks, ends, plan, frontier, follower } = conversion;
  const { signal } = hooks;
  const memory = SharedTicket.start({ group: frontier.groupsDone, fileEnd: frontier.fileEnd });
  const ticket = new SharedTicket(memory, plan.layout.alignment);
  const progress = throttled((done: number) => hooks.onProgress?.('convert', done, plan.dataBytes));
  const keep = {
    onMark: hooks.onMark?.bind(hooks),
    onData: progress.tell,
    onFailure: () => ticket.stop(),
  };
  const recorder = new Recorder(frontier, keep, hooks.markBytes);
  let fed = 0;
  const feed = (): void => {
    if (!plan.layout.ascending) return;
    follower.feed(request.targetPath, fed, frontier.finalBytes - fed);
    fed = frontier.finalBytes;
  };
  const stop = (): void => ticket.stop();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop(); // while the source was opened: nobody will tell us again
  try {
    feed();
    progress.tell(frontier.dataBytes);
    const count = Math.max(1, Math.min(request.lanes ?? availableParallelism(), plan.mostLanes));
    const lanes = Array.from({ length: count }, async (_, i) => {
      const onGroups: NonNullable<Parameters<typeof runTask>[2]>['onGroups'] = (groups) => {
        for (const group of groups) recorder.add(group);
        feed();
      };
      try {
        await runTask('lane', { ends, ticket: memory }, { onGroups, urgent: i === 0 });
      } catch (error) {
        ticket.stop(); // also when its thread was lost
        throw error;
      }
    });
    const ended = await Promise.allSettled(lanes);
    await recorder.settle();
    signal?.throwIfAborted();
    for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
    if (frontier.hasGap) throw new Error('a group of the conversion is missing');
    progress.flush(plan.dataBytes);
  } finally {
    progress.cancel();
    signal?.removeEventListener('abort', stop);
  }
}

/** What is left to hash once the file is complete: its tail, or all of it. */
async function hashRest(conversion: Conversion & { readonly fileSize: number }): Promise<Digests> {
  const { request, hooks, plan, frontier, fileSize } = conversion;
  if (request.hashes.length === 0) return {};
  const { ascending } = plan.layout;
  const follower = ascending ? conversion.follower : createHashFollower(request.hashes);
  const from = ascending ? Math.min(frontier.finalBytes, fileSize) : 0;
  const report = (): void => hooks.onProgress?.('hash', Math.min(follower.bytesDone, fileSize), fileSize);
  const abandon = (): void => follower.abandon();
  hooks.signal?.addEventListener('abort', abandon, { once: true });
  const timer = setInterval(report, 100);
  try {
    hooks.signal?.throwIfAborted();
    follower.feed(request.targetPath, from, fileSize - from);
    const digests = await follower.digest();
    hooks.onProgress?.('hash', fileSize, fileSize);
    return digests;
  } catch (error) {
    hooks.signal?.throwIfAborted();
    throw error;
  } finally {
    clearInterval(timer);
    hooks.signal?.removeEventListener('abort', abandon);
    follower.abandon();
  }
}
