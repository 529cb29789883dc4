import { identityVersion } from '../keystone/discovery.ts';

/** Minor versions of the image API whose features are there, newest first; clients choose by what is announced. */
const imageVersions = ['v2.9', 'v2.7', 'v2.5', 'v2.2', 'v2.1', 'v2.0'] as const;

interface VersionEntry {
  readonly id: string;
  readonly status: string;
  readonly links: readonly { readonly rel: 'self'; readonly href: string }[];
  readonly [more: string]: unknown;
}

/** @param base scheme and host as the client named them, without trailing slash */
export function imageVersionEntries(base: string): VersionEntry[] {
  return imageVersions.map((id, i) => ({
    id,
    status: i === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${base}/v2/` }],
  }));
}

/**
 * Body of `GET /` and `GET /versions`. The identity service's entry stands last: an `auth_url` that
 * names the bare host finds both services then.
 */
export function versionDocument(base: string): { versions: object[] } {
  return { versions: [...imageVersionEntries(base), identityVersion(`${base}/v3/`)] };
}

/** Body of `GET /{version}`: the one entry, or all of them for `v2`; undefined when there is none. */
export function oneVersion(base: string, version: string): { versions: VersionEntry[] } | undefined {
  const versions = imageVersionEntries(base).filter((entry) => version === 'v2' || entry.id === version);
  return versions.length === 0 ? undefined : { versions };
}

/** Names under which a version document is found. */
export const versionNames: readonly string[] = ['v2', ...imageVersions];
