import { Session } from '@imageyard/wire/client';
import type { Command } from 'commander';
import { findConnection } from './connection.ts';

export function registerToken(program: Command): void {
  program
    .command('token')
    .description('print a token for curl: -H "X-Auth-Token: $(imageyard token)"')
    .option('--ready-file <file>', "the server's ready file; default: OS_*, then ./imageyard-data/ready.json")
    .action(async (options: { readyFile?: string }) => {
      const session = await Session.open(await findConnection(options.readyFile, process.env));
      process.stdout.write(`${session.token}\n`);
    });
}
