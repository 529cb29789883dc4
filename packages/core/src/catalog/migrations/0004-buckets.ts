import type { MigrationStep } from '../columns.ts';

/**
 * Buckets, their objects and unfinished uploads. Each object and part refers to a blob, and the
 * engine refuses to delete a blob that is referred to.
 */
export const buckets: MigrationStep = {
  name: 'buckets',
  async up(db, { text, integer, time, json }) {
    await db.schema
      .createTable('buckets')
      .addColumn('name', text, (c) => c.primaryKey())
      .addColumn('project_id', text, (c) => c.notNull())
      .addColumn('domain_id', text, (c) => c.notNull())
      .addColumn('storage_class', text, (c) => c.notNull())
      .addColumn('created_at', time, (c) => c.notNull())
      .execute();
    await db.schema.createIndex('buckets_project').on('buckets').columns(['project_id', 'name']).execute();

    await db.schema
      .createTable('bucket_objects')
      .addColumn('bucket', text, (c) => c.notNull().references('buckets.name').onDelete('restrict'))
      .addColumn('key', text, (c) => c.notNull())
      .addColumn('generation', text, (c) => c.notNull().unique())
      .addColumn('blob_id', text, (c) => c.notNull().references('blobs.id').onDelete('restrict'))
      .addColumn('size', integer, (c) => c.notNull())
      .addColumn('etag', text, (c) => c.notNull())
      .addColumn('part_count', integer)
      .addColumn('storage_class', text, (c) => c.notNull())
      .addColumn('headers', json, (c) => c.notNull())
      .addColumn('metadata', json, (c) => c.notNull())
      .addColumn('checksum_algorithm', text)
      .addColumn('checksum_type', text)
      .addColumn('checksum', text)
      .addColumn('upload_id', text)
      .addColumn('created_at', time, (c) => c.notNull())
      .addPrimaryKeyConstraint('bucket_objects_key', ['bucket', 'key'])
      .execute();
    await db.schema.createIndex('bucket_objects_blob').on('bucket_objects').column('blob_id').execute();

    await db.schema
      .createTable('bucket_uploads')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('bucket', text, (c) => c.notNull().references('buckets.name').onDelete('restrict'))
      .addColumn('key', text, (c) => c.notNull())
      .addColumn('project_id', text, (c) => c.notNull())
      .addColumn('user_id', text, (c) => c.notNull())
      .addColumn('user_name', text, (c) => c.notNull())
      .addColumn('storage_class', text, (c) => c.notNull())
      .addColumn('headers', json, (c) => c.notNull())
      .addColumn('metadata', json, (c) => c.notNull())
      .addColumn('checksum_algorithm', text)
      .addColumn('checksum_type', text)
      .addColumn('created_at', time, (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('bucket_uploads_key')
      .on('bucket_uploads')
      .columns(['bucket', 'key', 'id'])
      .execute();
    await db.schema.createIndex('bucket_uploads_age').on('bucket_uploads').column('created_at').execute();

    await db.schema
      .createTable('bucket_parts')
      .addColumn('upload_id', text, (c) => c.notNull().references('bucket_uploads.id').onDelete('restrict'))
      .addColumn('part_number', integer, (c) => c.notNull())
      .addColumn('blob_id', text, (c) => c.notNull().references('blobs.id').onDelete('restrict'))
      .addColumn('size', integer, (c) => c.notNull())
      .addColumn('md5', text, (c) => c.notNull())
      .addColumn('checksum', text)
      .addColumn('created_at', time, (c) => c.notNull())
      .addPrimaryKeyConstraint('bucket_parts_key', ['upload_id', 'part_number'])
      .execute();
    await db.schema.createIndex('bucket_parts_blob').on('bucket_parts').column('blob_id').execute();

    await db.schema
      .createTable('completed_uploads')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('bucket', text, (c) => c.notNull())
      .addColumn('key', text, (c) => c.notNull())
      .addColumn('parts_digest', text, (c) => c.notNull())
      .addColumn('generation', text, (c) => c.notNull())
      .addColumn('completed_at', time, (c) => c.notNull())
      .execute();
    await db.schema
      .createIndex('completed_uploads_age')
      .on('completed_uploads')
      .column('completed_at')
      .execute();

    await db.schema
      .createTable('part_checksums')
      .addColumn('blob_id', text, (c) => c.notNull())
      .addColumn('ordinal', integer, (c) => c.notNull())
      .addColumn('checksum', text, (c) => c.notNull())
      .addPrimaryKeyConstraint('part_checksums_key', ['blob_id', 'ordinal'])
      .addForeignKeyConstraint(
        'part_checksums_part',
        ['blob_id', 'ordinal'],
        'blob_parts',
        ['blob_id', 'ordinal'],
        (c) => c.onDelete('cascade'),
      )
      .execute();
  },
};
