import { DiskError, type DiskErrorKind, type DiskErrorWhere, type Evidence } from '../errors.ts';

/** An error as it crosses threads: structured cloning would lose its class and its own fields. */
export type ThreadError =
  | {
      readonly type: 'disk';
      readonly kind: DiskErrorKind;
      readonly message: string;
      readonly where: DiskErrorWhere;
      readonly evidence: Evidence | undefined;
      readonly stack: string | undefined;
    }
  | {
      readonly type: 'other';
      readonly name: string;
      readonly message: string;
      readonly code: string | undefined;
      readonly stack: string | undefined;
    };

export function encodeError(error: unknown): ThreadError {
  if (error instanceof DiskError) {
    const { kind, message, where, evidence, stack } = error;
    return { type: 'disk', kind, message, where, evidence, stack };
  }
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { type: 'other', name: error.name, message: error.message, code, stack: error.stack };
  }
  return { type: 'other', name: 'Error', message: String(error), code: undefined, stack: undefined };
}

/** The error again, of the class it had if it was a `DiskError`, with the stack of its thread. */
export function decodeError(error: ThreadError): Error {
  const decoded =
    error.type === 'disk'
      ? new DiskError(error.kind, error.message, error.where, error.evidence && { evidence: error.evidence })
      : Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code });
  if (error.type === 'other') decoded.name = error.name;
  if (error.stack !== undefined) decoded.stack = error.stack;
  return decoded;
}
