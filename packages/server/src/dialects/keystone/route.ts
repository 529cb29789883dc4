import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import type { Actor, Identity } from '@imageyard/core';
import type { FastifyReply, FastifyRequest } from '../../http/fastify.ts';
import { allValues } from '../../http/query.ts';
import type { Query } from '../../http/query.ts';
import type { Tree } from './deps.ts';

/** One call, as a handler gets it. */
export interface Call {
  readonly tree: Tree;
  readonly identity: Identity;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Who asks; in routes without credentials nobody looks. */
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
}

/** A row of the route tables; paths are below `/v3`, without a slash at the end. */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Sentence for the API description. */
  readonly summary: string;
  /** No credentials: bad ones are ignored too. */
  readonly open?: true;
  /** For the API description. */
  readonly body?: TSchema;
  /** @returns the JSON body of a 200, or the reply after it was sent or given another status */
  run(call: Call): Promise<unknown>;
}

/** A filter's value, or undefined when it is absent or empty. */
export function filter(query: Query, name: string): string | undefined {
  return allValues(query, name).at(-1) || undefined;
}

/** `?enabled`, `?enabled=True`, `?enabled=0` …; undefined when absent. */
export function flag(query: Query, name: string): boolean | undefined {
  const value = allValues(query, name).at(-1);
  return value === undefined ? undefined : !/^(?:0|false|no|off)$/i.test(value);
}

/** `{ [name]: value }`, or nothing for undefined: for optional fields. */
export function maybe<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V });
}

/** 204 without a body. */
export function noContent(reply: FastifyReply): FastifyReply {
  return reply.code(204).send();
}

/** Secrets and tokens must not stay in any cache. */
export function unstored(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store');
}

/** The body of a request: what `schema` says, in an envelope. */
export function within(name: string, schema: TSchema): TSchema {
  return Type.Object({ [name]: schema });
}
