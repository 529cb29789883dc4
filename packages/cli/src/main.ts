import { Command, CommanderError } from 'commander';

/**
 * The program. Commands are imported when they are asked for, so that each starts fast.
 * @returns the exit code; `serve` returns when it has stopped
 */
export async function main(args: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const program = new Command('imageyard')
    .version('0.1.0')
    .description('Image management service, and the disk-image tool that goes with it')
    .showHelpAfterError()
    .exitOverride();
  const wanted = args.find((arg) => !arg.startsWith('-'));
  await addCommands(program, wanted);
  try {
    await program.parseAsync(args as string[], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    process.stderr.write(`imageyard: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  return Number(process.exitCode ?? 0);
}

type Registers = (program: Command) => void;

/** Every command by name, with the module that has it. */
const commands: Readonly<Record<string, () => Promise<Registers>>> = {
  serve: async () => (await import('./serve.ts')).registerServe,
  push: async () => (await import('./online/push.ts')).registerPush,
  token: async () => (await import('./online/token.ts')).registerToken,
  inspect: async () => (await import('./offline/inspect.ts')).registerInspect,
  convert: async () => (await import('./offline/convert.ts')).registerConvert,
};

async function addCommands(program: Command, wanted: string | undefined): Promise<void> {
  const names = wanted !== undefined && wanted in commands ? [wanted] : Object.keys(commands);
  for (const name of names) (await commands[name]!())(program);
}
