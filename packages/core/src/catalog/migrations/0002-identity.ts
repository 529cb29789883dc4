import type { AnyDatabase, ColumnTypes, MigrationStep } from '../columns.ts';

export const identity: MigrationStep = {
  name: 'identity',
  async up(db, types) {
    await accounts(db, types);
    await rights(db, types);
    await credentials(db, types);
  },
};

async function accounts(db: AnyDatabase, { text, time, flag, json, integer }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('domains')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('name_key', text, (c) => c.notNull().unique())
    .addColumn('description', text, (c) => c.notNull())
    .addColumn('enabled', flag, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('projects')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('domain_id', text, (c) => c.notNull().references('domains.id'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('name_key', text, (c) => c.notNull())
    .addColumn('description', text, (c) => c.notNull())
    .addColumn('enabled', flag, (c) => c.notNull())
    .addColumn('extras_json', json, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .addUniqueConstraint('projects_by_name', ['domain_id', 'name_key'])
    .execute();
  await db.schema
    .createTable('users')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('domain_id', text, (c) => c.notNull().references('domains.id'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('name_key', text, (c) => c.notNull())
    .addColumn('enabled', flag, (c) => c.notNull())
    // Not a reference: a default project that is gone is ignored, not an error.
    .addColumn('default_project_id', text)
    .addColumn('password_hash', text)
    .addColumn('credential_version', integer, (c) => c.notNull())
    .addColumn('extras_json', json, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .addUniqueConstraint('users_by_name', ['domain_id', 'name_key'])
    .execute();
}

async function rights(db: AnyDatabase, { text, time, flag }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('roles')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('name_key', text, (c) => c.notNull().unique())
    .addColumn('description', text)
    .addColumn('builtin', flag, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('grants')
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('scope', text, (c) => c.notNull())
    .addColumn('scope_id', text, (c) => c.notNull())
    .addColumn('role_id', text, (c) => c.notNull().references('roles.id').onDelete('cascade'))
    .addColumn('created_at', time, (c) => c.notNull())
    .addPrimaryKeyConstraint('grants_key', ['user_id', 'scope', 'scope_id', 'role_id'])
    .execute();
  await db.schema.createIndex('grants_by_scope').on('grants').columns(['scope_id', 'scope']).execute();
  await db.schema.createIndex('grants_by_role').on('grants').column('role_id').execute();
}

async function credentials(db: AnyDatabase, { text, time, flag, json, integer }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('tokens')
    .addColumn('hash', text, (c) => c.primaryKey())
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('scope', text, (c) => c.notNull())
    .addColumn('scope_id', text)
    .addColumn('methods_json', json, (c) => c.notNull())
    .addColumn('audit_ids_json', json, (c) => c.notNull())
    .addColumn('credential_version', integer, (c) => c.notNull())
    .addColumn('issued_at', time, (c) => c.notNull())
    .addColumn('expires_at', time, (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('tokens_by_user')
    .on('tokens')
    .columns(['user_id', 'issued_at', 'hash'])
    .execute();
  await db.schema.createIndex('tokens_by_expiry').on('tokens').column('expires_at').execute();
  await db.schema
    .createTable('access_keys')
    .addColumn('access', text, (c) => c.primaryKey())
    .addColumn('secret_sealed', text, (c) => c.notNull())
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('project_id', text, (c) => c.references('projects.id'))
    .addColumn('active', flag, (c) => c.notNull())
    .addColumn('origin', text, (c) => c.notNull())
    .addColumn('description', text, (c) => c.notNull())
    .addColumn('created_at', time, (c) => c.notNull())
    .addColumn('last_used_at', time)
    .execute();
  await db.schema
    .createIndex('access_keys_by_user')
    .on('access_keys')
    .columns(['user_id', 'created_at'])
    .execute();
  await db.schema.createIndex('access_keys_by_project').on('access_keys').column('project_id').execute();
  await db.schema
    .createTable('first_start')
    .addColumn('one', integer, (c) => c.primaryKey())
    .addColumn('domain_id', text, (c) => c.notNull())
    .addColumn('project_id', text, (c) => c.notNull())
    .addColumn('user_id', text, (c) => c.notNull())
    .addColumn('access', text, (c) => c.notNull())
    .execute();
}
