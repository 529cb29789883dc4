import type { Command } from 'commander';
import { readSettings, runServer } from '@imageyard/server';

export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('run the service: API and bucket listeners, jobs, embedded database')
    .option('--data <dir>', 'data folder', undefined)
    .option('--listen <host:port>', 'address of the API (default 127.0.0.1:8774)')
    .option('--bucket-listen <host:port>', 'address of the buckets (default 127.0.0.1:8775)')
    .option('--ready-file <file>', 'written when every listener answers: URLs and first credentials')
    .action(async (flags: Record<string, string | undefined>) => {
      process.exitCode = await runServer(readSettings(flags, process.env));
    });
}
