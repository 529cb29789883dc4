/** Who asks: the answer of every kind of credential, judged at each request. */
export interface Actor {
  readonly userId: string;
  readonly userName: string;
  /** The user's own domain, whatever the scope. */
  readonly domainId: string;
  readonly domainName: string;
  /** Absent in unscoped and domain-scoped credentials. */
  readonly projectId?: string;
  readonly projectName?: string;
  /** Effective role names in lower case, implied ones and every spelling included. */
  readonly roles: ReadonlySet<string>;
  /** Has role `admin`: acts on every project. */
  readonly isAdmin: boolean;
  /** For logs; never the credential itself. */
  readonly auditId: string;
}

/** The columns of the role table. */
export type Action =
  | 'ims-read'
  | 'ims-write'
  | 'ims-share'
  | 'ims-export'
  | 'glance-read'
  | 'glance-download'
  | 'glance-write'
  | 'publicize'
  | 'bucket-read'
  | 'bucket-write'
  /** Users, keys and grants below admin, in the actor's own domain. */
  | 'identity-users'
  | 'identity-admin';
