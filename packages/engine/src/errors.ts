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

/** What to do about a file that ends too early, whatever its format. */
export const cutShort = 'the upload was probably cut short; upload it again and compare checksums';

/** What people can do where the thrower has nothing better to say. */
export const usualWayOut: Readonly<Record<DiskErrorKind, string>> = {
  'disk-empty': 'upload it again',
  'disk-truncated': cutShort,
  'disk-corrupt': 'check and repair it with the program that wrote it',
  'disk-unsupported': 'convert it to qcow2 or raw with the program that made it',
  'disk-unsafe': 'make it one file that refers to no other',
  'disk-encrypted': 'decrypt it before the upload',
  'disk-ambiguous': 'convert it with the program that made it, or state the format',
  'disk-mismatch': 'state the format that the content shows',
  'disk-too-large': 'shrink the disk, or ask the operator',
  'disk-changed': 'try again once nobody changes it',
};

/** A `DiskError` whose message is put together from its parts. */
export function diskError(
  kind: DiskErrorKind,
  where: DiskErrorWhere,
  fact: string,
  wayOut: string = usualWayOut[kind],
  options?: { cause?: unknown; evidence?: Evidence },
): DiskError {
  return new DiskError(kind, diskMessage(where, fact, wayOut), where, options);
}

/** A structure or unit that needs bytes behind the end of the file. */
export function pastEnd(where: DiskErrorWhere, what: string, end: number, fileSize: number): DiskError {
  return diskError(
    'disk-truncated',
    where,
    `${what} needs byte ${end}, the file ends at ${fileSize}`,
    cutShort,
  );
}
