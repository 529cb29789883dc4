import { DiskError } from '@imageyard/engine';

/** Exit codes of the offline commands; `docs/cli.md`. */
export const exit = { done: 0, other: 1, refused: 2 } as const;

/** A refused file on stderr: kind, what is wrong, and where. */
export function printRefusal(error: DiskError): void {
  const { format, field, offset, value } = error.where;
  const place = [
    format && `format ${format}`,
    field && `field ${field}`,
    offset !== undefined && `byte ${offset}`,
    value !== undefined && `value ${value}`,
  ].filter(Boolean);
  process.stderr.write(`refused (${error.kind}): ${error.message}\n`);
  if (place.length > 0) process.stderr.write(`  at ${place.join(', ')}\n`);
}

/** Tell what went wrong. @returns the exit code */
export function report(error: unknown): number {
  if (error instanceof DiskError) {
    printRefusal(error);
    return exit.refused;
  }
  process.stderr.write(`imageyard: ${error instanceof Error ? error.message : String(error)}\n`);
  return exit.other;
}
