-- What must hold of every catalogue at rest: each query finds nothing.
-- The line before a query is its name. Run on the embedded database after a start and its sweep.

-- I1: an active image whose bytes are not live or not complete
select images.id from images left join blobs on blobs.id = images.blob_id
where images.status in ('active', 'deactivated')
  and (blobs.id is null or blobs.state <> 'live' or blobs.size <> images.size or blobs.md5 <> images.md5);

-- I2: an image that two jobs have finished
select image_id from jobs where state = 'done' group by image_id having count(*) > 1;

-- I2: a finished job whose image has no data
select jobs.id from jobs join images on images.id = jobs.image_id
where jobs.state = 'done' and images.status not in ('active', 'deactivated', 'deleted');

-- I3: a blob made of parts that are not live or don't add up
select blobs.id from blobs where blobs.kind = 'parts' and blobs.size <> (
  select coalesce(sum(part.size), 0) from blob_parts join blobs part on part.id = blob_parts.part_blob_id
  where blob_parts.blob_id = blobs.id and part.state = 'live' and part.size = blob_parts.size);

-- I4: an image that waits for data which nobody brings
select images.id from images where images.status = 'saving' and not exists (
  select 1 from jobs where jobs.image_id = images.id and jobs.state in ('queued', 'running'));

-- I6: a final job that still holds something
select id from jobs where state in ('done', 'failed')
  and (lease_id is not null or source_blob_id is not null or ended_at is null);

-- owner: a live blob that nobody refers to
select id from blobs where state = 'live'
  and not exists (select 1 from images where images.blob_id = blobs.id)
  and not exists (select 1 from bucket_objects where bucket_objects.blob_id = blobs.id)
  and not exists (select 1 from bucket_parts where bucket_parts.blob_id = blobs.id)
  and not exists (select 1 from blob_parts where blob_parts.part_blob_id = blobs.id)
  and not exists (select 1 from jobs where jobs.source_blob_id = blobs.id);

-- owner: an attempt that no unfinished job owns
select id from blobs where state = 'writing' and not exists (
  select 1 from jobs where jobs.id = blobs.job_id and jobs.fence = blobs.fence
    and jobs.state in ('queued', 'running'));

-- sweep: bytes that should be gone
select id from doomed_blobs;
