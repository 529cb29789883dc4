import type { DiskFacts, Finding } from '../disk/disk.ts';
import { DiskError, diskMessage, usualWayOut, type DiskErrorKind } from '../errors.ts';

/** Where a finding was made, and with what value. */
export interface FindingWhere {
  readonly field?: string;
  readonly offset?: number;
  readonly value?: number | string;
}

/**
 * Safety checks as data: a driver runs all of them, each leaves a finding, and only then the
 * first refused one becomes the error, which carries all findings along (`inspect` shows them).
 */
export class Checks {
  readonly findings: Finding[] = [];
  readonly #format: string;

  constructor(format: string) {
    this.#format = format;
  }

  passed(check: string, message: string, where: FindingWhere = {}): void {
    this.findings.push({ check, level: 'passed', message, ...where });
  }

  noted(check: string, fact: string, where: FindingWhere = {}, wayOut?: string): void {
    this.findings.push({ check, level: 'noted', message: this.#message(where, fact, wayOut), ...where });
  }

  refused(
    check: string,
    kind: DiskErrorKind,
    fact: string,
    where: FindingWhere = {},
    wayOut: string = usualWayOut[kind],
  ): void {
    const message = this.#message(where, fact, wayOut);
    this.findings.push({ check, level: 'refused', kind, message, ...where });
  }

  /** Run a check that throws; what it throws becomes its refused finding, its return value is passed on. */
  attempt<T>(check: string, body: () => T): T | undefined {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.findings.push(refusedFinding(check, error));
      return undefined;
    }
  }

  /** `attempt` for a check that reads. */
  async attemptAsync<T>(check: string, body: () => Promise<T>): Promise<T | undefined> {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.findings.push(refusedFinding(check, error));
      return undefined;
    }
  }

  /** @throws {DiskError} for the first refused finding, with all findings as evidence */
  throwIfRefused(known: { facts?: DiskFacts; virtualSize?: number } = {}): void {
    const first = this.findings.find((f) => f.level === 'refused');
    if (first) throw errorOf(first, this.#format, { ...known, findings: this.findings });
  }

  #message(where: FindingWhere, fact: string, wayOut: string | undefined): string {
    const { field, offset } = where;
    return diskMessage(
      {
        format: this.#format,
        ...(field === undefined ? {} : { field }),
        ...(offset === undefined ? {} : { offset }),
      },
      fact,
      wayOut,
    );
  }
}

/** A thrown refusal as the finding of a check. */
export function refusedFinding(check: string, error: DiskError): Finding {
  const { field, offset, value, limit } = error.where;
  return {
    check,
    level: 'refused',
    kind: error.kind,
    message: error.message,
    ...(field === undefined ? {} : { field }),
    ...(offset === undefined ? {} : { offset }),
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** A refused finding as the error it stands for. */
export function errorOf(
  finding: Finding,
  format: string,
  evidence: { facts?: DiskFacts; virtualSize?: number; findings: readonly Finding[] },
): DiskError {
  const { field, offset, value, limit } = finding;
  return new DiskError(
    finding.kind ?? 'disk-corrupt',
    finding.message,
    {
      format,
      ...(field === undefined ? {} : { field }),
      ...(offset === undefined ? {} : { offset }),
      ...(value === undefined ? {} : { value }),
      ...(limit === undefined ? {} : { limit }),
    },
    { evidence },
  );
}
