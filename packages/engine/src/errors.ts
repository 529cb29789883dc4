import type { DiskFacts, Finding } from './disk/disk.ts';

/** Why a disk image file is refused: the closed list (docs/formats, "Kinds"). */
export const diskErrorKinds = [
  'disk-empty',
  'disk-truncated',
  'disk-corrupt',
  'disk-unsupported',
  'disk-unsafe',
  'disk-encrypted',
  'disk-ambiguous',
  'disk-mismatch',
  'disk-too-large',
  'disk-changed',
] as const;
export type DiskErrorKind = (typeof diskErrorKinds)[number];

/** What the checks had found when a file was refused; `inspect` shows it. */
export interface Evidence {
  readonly facts?: DiskFacts;
  readonly virtualSize?: number;
  readonly findings: readonly Finding[];
}

/** Where in a file a fact was found. Offsets are bytes from the start of the file. */
export interface DiskErrorWhere {
  readonly format?: string;
  readonly field?: string;
  readonly offset?: number;
  readonly value?: number | string;
  readonly limit?: number;
}

/**
 * A disk image file breaks a rule. The message reads
 * `<format>: <fact with numbers> (<field> at byte <offset>); <way out>`,
 * at most 300 characters, text from the file escaped (`bytes/text.ts`), no path of ours.
 */
export class DiskError extends Error {
  readonly kind: DiskErrorKind;
  readonly where: DiskErrorWhere;
  /** All findings of the checks that ran, when the refusal came from them. */
  readonly evidence: Evidence | undefined;
  constructor(
    kind: DiskErrorKind,
    message: string,
    where: DiskErrorWhere = {},
    options: { cause?: unknown; evidence?: Evidence } = {},
  ) {
    super(
      message.length > 300 ? `${message.slice(0, 299)}…` : message,
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.name = 'DiskError';
    this.kind = kind;
    this.where = where;
    this.evidence = options.evidence;
  }
}

/** The message in the one form that all refusals have; parts that are not known are left out. */
export function diskMessage(where: DiskErrorWhere, fact: string, wayOut?: string): string {
  const format = where.format === undefined ? '' : `${where.format}: `;
  const offset = where.offset === undefined ? '' : `at byte ${where.offset}`;
  const place = [where.field, offset].filter(Boolean).join(' ');
  return `${format}${fact}${place ? ` (${place})` : ''}${wayOut ? `; ${wayOut}` : ''}`;
}

/** A `DiskError` whose message is put together from its parts. */
export function diskError(
  kind: DiskErrorKind,
  where: DiskErrorWhere,
  fact: string,
  wayOut?: string,
  options?: { cause?: unknown; evidence?: Evidence },
): DiskError {
  return new DiskError(kind, diskMessage(where, fact, wayOut), where, options);
}

/** What to do about a file that ends too early, whatever its format. */
export const cutShort = 'the upload was probably cut short; upload it again and compare checksums';

/** A structure or unit that needs bytes behind the end of the file. */
export function pastEnd(where: DiskErrorWhere, what: string, end: number, fileSize: number): DiskError {
  return diskError(
    'disk-truncated',
    where,
    `${what} needs byte ${end}, the file ends at ${fileSize}`,
    cutShort,
  );
}
