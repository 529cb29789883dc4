import { formatNames, type FormatName, type InspectReport } from '@imageyard/engine';
import { inspectSource } from '@imageyard/engine/node';
import { Option, type Command } from 'commander';
import { bytesText } from '../terminal/progress.ts';
import { exit, report } from './refusal.ts';

interface InspectOptions {
  readonly output: 'text' | 'json';
  readonly from?: FormatName;
}

/** `imageyard inspect FILE`: what a disk image file is, and what it could make us do. */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .argument('<file>', 'a disk image file')
    .description('show format, sizes and the findings of every safety check; reads headers and tables only')
    .addOption(
      new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'),
    )
    .addOption(new Option('--from <format>', "the file's format, if you know it").choices(formatNames))
    .addHelpText('after', '\nExit codes: 0 safe to use, 2 refused, 1 could not be read.')
    .action(async (file: string, options: InspectOptions) => {
      process.exitCode = await inspectFile(file, options);
    });
}

async function inspectFile(path: string, options: InspectOptions): Promise<number> {
  try {
    const stated = options.from ? { stated: options.from } : {};
    const found = await inspectSource({ kind: 'file', path }, stated);
    process.stdout.write(options.output === 'json' ? `${JSON.stringify(found, null, 2)}\n` : textOf(found));
    return found.refused ? exit.refused : exit.done;
  } catch (error) {
    return report(error);
  }
}

const exactly = (bytes: number): string => `${bytesText(bytes)} (${bytes} bytes)`;

/** A table of facts, then one line a finding, refused ones first. */
export function textOf(found: InspectReport): string {
  const { facts } = found;
  const rows: [string, string | undefined][] = [
    ['format', found.format ? [found.format, facts?.subformat].filter(Boolean).join(', ') : found.content],
    ['virtual size', found.virtualSize === undefined ? undefined : exactly(found.virtualSize)],
    ['file size', exactly(found.fileSize)],
    ['allocated', found.allocatedBytes === undefined ? undefined : exactly(found.allocatedBytes)],
    ['cluster size', facts?.unitSize === undefined ? undefined : exactly(facts.unitSize)],
    ['compression', facts?.compression ?? (facts && 'none')],
    ['backing file', facts && (facts.backing ?? 'none')],
    ['encryption', facts && (facts.encryption ?? 'none')],
    ['canonical', found.canonical === undefined ? undefined : found.canonical ? 'yes' : 'no'],
    ...Object.entries(facts?.details ?? {}).map(([name, value]): [string, string] => [
      wordsOf(name),
      String(value),
    ]),
  ];
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined);
  const width = Math.max(...known.map(([name]) => name.length)) + 2;
  const lines = known.map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`);
  const order = { refused: 0, noted: 1, passed: 2 } as const;
  const findings = [...found.findings].sort((a, b) => order[a.level] - order[b.level]);
  lines.push('findings:');
  for (const { level, check, kind, message } of findings) {
    lines.push(`  ${level.padEnd(8)}${check}: ${message}${kind ? ` [${kind}]` : ''}`);
  }
  lines.push(found.refused ? 'verdict: refused' : 'verdict: safe to use');
  return `${lines.join('\n')}\n`;
}

/** `originalSize` → `original size` */
const wordsOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
