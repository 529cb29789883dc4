import { closeSync, openSync } from 'node:fs';
import { writeHead, writeTail } from '../convert/ends.ts';
import { runLane, type GroupDone } from '../convert/lane.ts';
import type { Layout } from '../convert/layout.ts';
import { countDataBytes, groupBytes } from '../convert/plan.ts';
import { RunList } from '../convert/runs.ts';
import { SharedTicket } from '../convert/ticket.ts';
import type { Disk } from '../disk/disk.ts';
import { scanDisk } from '../disk/scan.ts';
import { diskError } from '../errors.ts';
import { driverFor } from '../formats/registry.ts';
import { inspect, openChecked } from '../inspect/inspect.ts';
import { openSinkSync } from './files.ts';
import { fingerprintSync, openSourceSync } from './source.ts';
import type { ConversionEnds, TaskKind, Tasks } from './task-messages.ts';

export interface TaskContext {
  /** @throws {Error} once the task is to end */
  throwIfStopped(): void;
  tellGroups(groups: readonly GroupDone[]): void;
}

/** A lane tells what it has done at most this often (ms): the followers wait for it. */
const TELL_MS = 20;

/** What a task thread can do. All file access here is synchronous. */
export const tasks: {
  [K in TaskKind]: (order: Tasks[K]['order'], context: TaskContext) => Promise<Tasks[K]['result']>;
} = {
  async check({ source, stated }, context) {
    const file = openSourceSync(source, context.throwIfStopped);
    try {
      const disk = await openChecked(file, stated ? { stated } : {});
      const scan = await scanDisk(disk);
      return {
        format: disk.facts.format,
        fileSize: file.size,
        virtualSize: disk.virtualSize,
        facts: disk.facts,
        findings: [...disk.findings, ...scan.findings],
        canonical: scan.canonical,
        dataBytes: scan.dataBytes,
        allocatedBytes: scan.allocatedBytes,
        highestUsedByte: scan.highestUsedByte,
      };
    } finally {
      await file.close();
    }
  },

  async inspect({ source, stated }, context) {
    const file = openSourceSync(source, context.throwIfStopped);
    try {
      return await inspect(file, { scan: true, ...(stated && { stated }) });
    } finally {
      await file.close();
    }
  },

  async begin({ ends, resumed }, context) {
    const fingerprint = fingerprintSync(ends.source);
    return await withDisk(ends, context, async (disk, layout) => {
      const dataBytes = await countDataBytes(disk);
      closeSync(openSync(ends.targetPath, resumed ? 'r+' : 'w'));
      const sink = openSinkSync(ends.targetPath);
      try {
        await writeHead(layout, sink);
      } finally {
        await sink.close();
      }
      const { placing, dataOffset, virtualSize, alignment, ascending } = layout;
      return {
        dataBytes,
        groupBytes: groupBytes(disk, layout),
        // ZVHD is one stream: each lane unpacks all of it, so a third would gain nothing.
        mostLanes: disk.facts.format === 'zvhd' ? 2 : Infinity,
        layout: { placing, dataOffset, virtualSize, alignment, ascending },
        fingerprint,
      };
    });
  },

  async lane({ ends, ticket: memory }, context) {
    return await withDisk(ends, context, async (disk, layout) => {
      const ticket = new SharedTicket(memory, layout.alignment);
      const sink = openSinkSync(ends.targetPath);
      let untold: GroupDone[] = [];
      let toldAt = performance.now();
      const tell = (): void => {
        if (untold.length > 0) context.tellGroups(untold);
        untold = [];
        toldAt = performance.now();
      };
      try {
        const report = (done: GroupDone): void => {
          untold.push(done);
          if (performance.now() - toldAt >= TELL_MS) tell();
        };
        await runLane({ disk, layout, sink, ticket, report });
        return undefined;
      } finally {
        tell();
        await sink.close();
      }
    });
  },

  async end({ ends, runs, fileEnd, fingerprint }, context) {
    if (fingerprintSync(ends.source) !== fingerprint) {
      throw diskError('disk-changed', { format: ends.sourceFormat }, 'the source was written to meanwhile');
    }
    return await withDisk(ends, context, async (_disk, layout) => {
      const sink = openSinkSync(ends.targetPath);
      try {
        return { fileSize: await writeTail(layout, sink, RunList.unpack(runs).slice(), fileEnd) };
      } finally {
        await sink.close();
      }
    });
  },
};

/** Open the source and make the layout: the same in every thread, for both are pure. */
async function withDisk<T>(
  ends: ConversionEnds,
  context: TaskContext,
  body: (disk: Disk, layout: Layout) => Promise<T>,
): Promise<T> {
  const file = openSourceSync(ends.source, context.throwIfStopped);
  try {
    const disk = await driverFor(ends.sourceFormat).open(file, 'deny');
    const target = driverFor(ends.targetFormat);
    if (!target.layout) {
      throw diskError('disk-unsupported', { format: ends.targetFormat }, 'this format is read, not written');
    }
    return await body(disk, target.layout(disk.virtualSize, ends.options));
  } finally {
    await file.close();
  }
}
