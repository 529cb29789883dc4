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
  constructor(
    kind: DiskErrorKind,
    message: string,
    where: DiskErrorWhere = {},
    options?: { cause?: unknown },
  ) {
    super(message.length > 300 ? `${message.slice(0, 299)}…` : message, options);
    this.name = 'DiskError';
    this.kind = kind;
    this.where = where;
  }
}
