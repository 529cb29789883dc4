import type { FastifyRequest } from '../../http/fastify.ts';
import { baseUrlOf } from '../../http/request-url.ts';
import type { Tree } from './deps.ts';

/** Scheme and host as clients name them; a request without `Host` gets the address it reached. */
export function hostUrl(request: FastifyRequest, publicUrl: string | undefined): string {
  if (publicUrl !== undefined || request.host) return baseUrlOf(request, publicUrl);
  const { localAddress, localPort } = request.socket;
  const host = localAddress?.includes(':') ? `[${localAddress}]` : localAddress;
  return `${request.protocol}://${host}:${localPort}`;
}

/** URL of something in this tree; `path` starts with a slash. */
export function linkTo(tree: Tree, request: FastifyRequest, path: string): string {
  return `${hostUrl(request, tree.publicUrl)}${tree.prefix}${path}`;
}

export function selfLink(tree: Tree, request: FastifyRequest, path: string): { readonly self: string } {
  return { self: linkTo(tree, request, path) };
}

/** The envelope of a list: whole, without pages. `next` is null, since Go pagers follow any string. */
export function listOf<T>(
  tree: Tree,
  request: FastifyRequest,
  name: string,
  items: readonly T[],
): Record<string, unknown> {
  const self = `${hostUrl(request, tree.publicUrl)}${request.url}`;
  return { [name]: items, links: { next: null, self, previous: null } };
}
