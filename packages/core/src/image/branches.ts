import type { Actor } from '../identity/actor.ts';
import type { ImageListQuery } from './list-query.ts';
import type { MemberStatus, Visibility } from './record.ts';

/**
 * One part of a list. The parts of a list exclude each other, each is in the list's order by an
 * index of its own, and the first rows of each, put in order, are the list.
 */
export type ImageBranch =
  /** Images of one project. */
  | {
      readonly kind: 'owner';
      readonly owner: string;
      readonly visibility?: Visibility;
      readonly except?: Except;
    }
  /** Everybody's public or community images but `except`'s. */
  | { readonly kind: 'public' | 'community'; readonly except?: Except }
  /** Images of others that a project is a member of. */
  | { readonly kind: 'members'; readonly member: string; readonly status: MemberStatus }
  /** Every project's images. */
  | { readonly kind: 'all'; readonly visibility?: Visibility; readonly except?: Except }
  /** Deleted images of one project. */
  | { readonly kind: 'deleted'; readonly owner: string };

/** What a branch leaves out: a project's images, or the community images of all but one project. */
export type Except = { readonly owner: string } | { readonly communityBut: string | undefined };

const memberStatuses: readonly MemberStatus[] = ['accepted', 'pending', 'rejected'];

/**
 * Which images a caller gets to see in a list (glance.md 6.1).
 * @param owner the one project that the list is limited to, if it is
 */
export function visibleBranches(
  actor: Actor,
  { visibility, memberStatus = 'accepted', deleted = false }: ImageListQuery,
  owner: string | undefined,
): ImageBranch[] {
  const { projectId, isAdmin } = actor;
  if (deleted) {
    const whose = isAdmin ? (owner ?? projectId) : projectId;
    const asked = owner === undefined || owner === whose;
    return whose !== undefined && asked ? [{ kind: 'deleted', owner: whose }] : [];
  }
  const only = visibility === undefined || visibility === 'all' ? {} : { visibility };
  if (isAdmin) {
    const except =
      visibility === undefined && (owner ?? '') !== projectId ? { except: { communityBut: projectId } } : {};
    return [
      owner === undefined
        ? { kind: 'all', ...only, ...except }
        : { kind: 'owner', owner, ...only, ...except },
    ];
  }
  const branches: ImageBranch[] = [];
  const asks = (...kinds: (Visibility | 'all' | undefined)[]): boolean => kinds.includes(visibility);
  const except = projectId === undefined ? {} : { except: { owner: projectId } };
  if (projectId !== undefined && (owner === undefined || owner === projectId))
    branches.push({ kind: 'owner', owner: projectId, ...only });
  if (owner !== undefined && owner === projectId) return branches;
  if (asks(undefined, 'all', 'public')) branches.push({ kind: 'public', ...except });
  if (asks('all', 'community')) branches.push({ kind: 'community', ...except });
  if (projectId !== undefined && asks(undefined, 'all', 'shared')) {
    const statuses = memberStatus === 'all' ? memberStatuses : [memberStatus];
    for (const status of statuses) branches.push({ kind: 'members', member: projectId, status });
  }
  return branches;
}
