/** Logging in and calling the API over plain HTTP. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ready } from '../harness.ts';

export interface Login {
  readonly name?: string;
  readonly password?: string;
  /** Project id; null asks for a token without scope. */
  readonly project?: string | null;
}

/** @returns a token, for the first user in the first project unless told otherwise */
export async function login(ready: Ready, as: Login = {}): Promise<string> {
  const { name = ready.user, password = ready.password, project = ready.project.id } = as;
  const user = { name, domain: { name: ready.domain }, password };
  const scope = project === null ? 'unscoped' : { project: { id: project } };
  const answer = await fetch(`${ready.identity}/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
  });
  assert.equal(answer.status, 201, await answer.text());
  return answer.headers.get('x-subject-token')!;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  json<T>(): T;
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

/** Calls with a token, or with none. A string or Buffer is sent as it is, anything else as JSON. */
export function caller(ready: Ready, token: string | null): Call {
  return async (method, path, body, headers = {}) => {
    const plain = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const answer = await fetch(path.startsWith('http') ? path : `${ready.api}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(plain ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: plain ? (body as string) : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
  };
}

export interface Job {
  readonly status: string;
  readonly job_type: string;
  readonly error_code: string | null;
  readonly fail_reason: string | null;
  readonly begin_time: string;
  readonly end_time: string;
  readonly entities: {
    readonly image_id: string;
    readonly error_code?: string;
    readonly error?: string;
    readonly process_percent?: number;
  };
}

/** Ask until the job is over. */
export async function jobEnd(call: Call, project: string, jobId: string): Promise<Job> {
  for (;;) {
    const job = (await call('GET', `/v1/${project}/jobs/${jobId}`)).json<Job>();
    if (job.status === 'SUCCESS' || job.status === 'FAIL') return job;
    await pause(10);
  }
}
