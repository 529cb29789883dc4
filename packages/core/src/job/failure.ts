import { DiskError } from '@imageyard/engine';
import type { JobFailure } from '../catalog/jobs.ts';
import { DomainError } from '../errors.ts';

/** The process stops: the attempt ends at its last mark and doesn't count. */
export class DrainSignal extends Error {
  constructor() {
    super('the process stops');
    this.name = 'DrainSignal';
  }
}

export function leaseLost(jobId: string): DomainError {
  return new DomainError('lease-lost', `job ${jobId} is no longer this worker's`, { jobId });
}

export function isLeaseLost(error: unknown): boolean {
  return error instanceof DomainError && error.kind === 'lease-lost';
}

/** An error as a job keeps it; one that we don't know shows nothing of our insides. */
export function failureOf(error: unknown, jobId: string): JobFailure {
  if (error instanceof DomainError && error.kind !== 'internal') {
    return { kind: error.kind, message: error.message, facts: error.facts };
  }
  if (error instanceof DiskError)
    return { kind: error.kind, message: error.message, facts: { ...error.where } };
  return {
    kind: 'internal',
    message: `an error of the service; its log names job ${jobId}`,
    facts: {},
  };
}
