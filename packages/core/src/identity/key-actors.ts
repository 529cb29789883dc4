import { findUsableKey, noteKeyUse } from '../catalog/identity-keys.ts';
import type { UsableKey } from '../catalog/identity-keys.ts';
import { DomainError } from '../errors.ts';
import type { Actor } from './actor.ts';
import type { IdentityContext } from './context.ts';
import { judgeDomain, judgeProject, makeActor, usualProject } from './scopes.ts';
import type { FoundAccessKey } from './types.ts';

/** Access keys as credentials: what signed requests are checked with. */
export interface KeyActors {
  /** @throws {DomainError} `key-unknown` (fact `access`): no such key, inactive, or its user disabled */
  find(access: string): Promise<FoundAccessKey>;
  /**
   * Who signs with this key. Call it once the signature is proved.
   * @param projectId the project the request names; default: the key's, else the user's default or only one
   * @throws {DomainError} `key-unknown`; `not-authorized` when the user has no role in that project
   */
  actor(access: string, projectId?: string): Promise<Actor>;
  /** The same key acting in its user's own domain, as signed identity calls without a project do. */
  domainActor(access: string): Promise<Actor>;
  /** Write down when keys were last used; between calls it is only remembered. */
  flush(): Promise<void>;
}

const shape = /^[A-Za-z0-9]{4,128}$/;
/** Bound on remembered uses between two flushes. */
const mostUses = 10_000;

export function createKeyActors(context: IdentityContext): KeyActors {
  const { catalog, now, secrets } = context;
  const uses = new Map<string, number>();

  const usable = async (access: string): Promise<UsableKey> => {
    const key = shape.test(access) ? await findUsableKey(catalog.db, access) : undefined;
    if (!key) throw unknownKey(access);
    return key;
  };
  const userOf = (key: UsableKey) => ({
    id: key.user_id,
    name: key.user_name,
    domain: { id: key.domain_id, name: key.domain_name },
  });
  const noteUse = (access: string): void => {
    if (uses.size < mostUses || uses.has(access)) uses.set(access, now());
  };

  return {
    async find(access) {
      const key = await usable(access);
      return {
        access,
        secret: secrets.open(key.secret_sealed, access),
        userId: key.user_id,
        projectId: key.project_id ?? undefined,
      };
    },
    async actor(access, projectId) {
      const key = await usable(access);
      noteUse(access);
      const wanted = projectId ?? key.project_id ?? undefined;
      const user = userOf(key);
      const judged =
        wanted === undefined
          ? await usualProject(catalog.db, user.id, key.default_project_id)
          : await judgeProject(catalog.db, user.id, wanted);
      if (!judged)
        throw new DomainError(
          'not-authorized',
          wanted === undefined
            ? 'the access key names no project and its user has no default project'
            : `the access key's user has no role in project ${wanted}`,
          { access, projectId: wanted },
        );
      return makeActor(user, judged, access);
    },
    async domainActor(access) {
      const key = await usable(access);
      noteUse(access);
      const user = userOf(key);
      const judged = await judgeDomain(catalog.db, user, user.domain.id);
      if (!judged) throw unknownKey(access);
      return makeActor(user, judged, access);
    },
    async flush() {
      if (uses.size === 0) return;
      const noted = [...uses];
      uses.clear();
      await catalog.write((tx) => noteKeyUse(tx, noted));
    },
  };
}

function unknownKey(access: string): DomainError {
  return new DomainError('key-unknown', `there is no active access key ${access}`, { access });
}
