import type { Actor } from '@imageyard/core';

/** Somebody with a project, as credentials would give him. */
export function actorOf(projectId: string | undefined, { admin = false } = {}): Actor {
  return {
    userId: `user-${projectId ?? 'none'}`,
    userName: `user-${projectId ?? 'none'}`,
    domainId: 'default',
    domainName: 'Default',
    ...(projectId === undefined ? {} : { projectId, projectName: projectId }),
    roles: new Set([admin ? 'admin' : 'member']),
    isAdmin: admin,
    auditId: 'audit',
  };
}
