import type { GroupDone } from '../convert/lane.ts';
import type { LayoutOptions } from '../convert/layout.ts';
import type { FormatName } from '../disk/disk.ts';
import type { InspectReport } from '../inspect/inspect.ts';
import type { ThreadError } from './thread-error.ts';
import type { CheckedSource, SourceSpec } from './types.ts';

/** The two ends of a conversion, as each thread opens them by itself. */
export interface ConversionEnds {
  readonly source: SourceSpec;
  readonly sourceFormat: FormatName;
  readonly targetPath: string;
  readonly targetFormat: FormatName;
  readonly options: LayoutOptions;
}

/** What the thread that coordinates needs to know about disk and layout. */
export interface ConversionPlan {
  readonly dataBytes: number;
  readonly groupBytes: number;
  /** More lanes than this would do the same work twice. */
  readonly mostLanes: number;
  readonly layout: {
    readonly placing: 'guest' | 'append';
    readonly dataOffset: number;
    readonly virtualSize: number;
    readonly alignment: number;
    readonly ascending: boolean;
  };
  /** @see fingerprintSync */
  readonly fingerprint: string;
}

/** What a task thread does; each ends with its result or an error. */
export interface Tasks {
  check: {
    order: { readonly source: SourceSpec; readonly stated: FormatName | undefined };
    result: CheckedSource;
  };
  inspect: {
    order: { readonly source: SourceSpec; readonly stated: FormatName | undefined };
    result: InspectReport;
  };
  /** Measure the source, make the target and write its head. */
  begin: { order: { readonly ends: ConversionEnds; readonly resumed: boolean }; result: ConversionPlan };
  lane: { order: { readonly ends: ConversionEnds; readonly ticket: SharedArrayBuffer }; result: undefined };
  /** Write what needs the places; see that the source is still the same. */
  end: {
    order: {
      readonly ends: ConversionEnds;
      readonly runs: Float64Array<ArrayBuffer>;
      readonly fileEnd: number;
      readonly fingerprint: string;
    };
    result: { readonly fileSize: number };
  };
}
export type TaskKind = keyof Tasks;

export interface TaskOrder<K extends TaskKind = TaskKind> {
  readonly id: number;
  readonly kind: K;
  readonly order: Tasks[K]['order'];
  /** One int32, 1 once the task is to end; looked at before each read. */
  readonly control: SharedArrayBuffer;
}

export type TaskAnswer =
  | { readonly id: number; readonly type: 'groups'; readonly groups: readonly GroupDone[] }
  | { readonly id: number; readonly type: 'result'; readonly result: unknown }
  | { readonly id: number; readonly type: 'error'; readonly error: ThreadError };
