import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startService } from './testing.ts';
import type { Caller } from './testing.ts';

/** What refusals are tried on: images in several states, callers with several roles. */
export async function refusalWorld() {
  const service = await startService();
  const { call } = service;
  const member = await service.newCaller(['member']);
  const stranger = await service.newCaller(['member']);
  const reader = await service.newCaller(['reader'], member.projectId);
  const made = async (body: Record<string, unknown>, caller = member): Promise<string> =>
    (await call('POST', '/v2/images', { caller, body })).json.id;
  const queued = await made({ name: 'queued', color: 'red' });
  const active = await made({ name: 'active', disk_format: 'raw' });
  await call('PUT', `/v2/images/${active}/file`, {
    caller: member,
    body: Buffer.from('0123456789'),
    headers: octets,
  });
  const guarded = await made({ name: 'guarded', protected: true });
  const community = await made({ name: 'community', visibility: 'community' });
  return { service, call, made, member, stranger, reader, queued, active, guarded, community };
}

export const octets = { 'content-type': 'application/octet-stream' };
export const unknown = '00000000-0000-4000-8000-000000000000';
/** How a value that breaks the published schema is refused. */
export const schema = /^Provided object does not match schema 'image': /;

/** A request that is refused, and how. */
export interface Refusal {
  readonly what: string;
  readonly request: readonly [method: string, path: string];
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Default: a member of the images' project. */
  readonly caller?: Caller;
  readonly status: number;
  readonly text: string | RegExp;
  /** Code in the body when it is not the status. */
  readonly code?: string;
  readonly answerHeaders?: Record<string, string>;
}

/** One test for each row: status, text, shape of the body, and that no row of the catalogue changed. */
export function testRefusals(
  { service, call, member }: Pick<Awaited<ReturnType<typeof refusalWorld>>, 'service' | 'call' | 'member'>,
  rows: readonly Refusal[],
): void {
  for (const row of rows)
    test(`${row.what} is refused with ${row.status}, and nothing changes`, async () => {
      const before = await service.state();
      const { caller = member, body, headers } = row;
      const answer = await call(...row.request, { caller, body, headers: headers ?? {} });
      assert.equal(answer.status, row.status, answer.text);
      assert.deepEqual(Object.keys(answer.json), ['error'], answer.text);
      assert.equal(answer.json.error.code, row.code ?? String(row.status));
      if (typeof row.text === 'string') assert.equal(answer.json.error.message, row.text);
      else assert.match(answer.json.error.message, row.text);
      for (const [name, value] of Object.entries(row.answerHeaders ?? {}))
        assert.equal(answer.headers.get(name), value);
      assert.match(answer.headers.get('x-openstack-request-id') ?? '', /^req-/);
      assert.deepEqual(await service.state(), before);
    });
}
