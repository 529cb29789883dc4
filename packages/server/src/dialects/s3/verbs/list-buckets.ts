import { xmlAnswer, xmlTime } from '../answer.ts';
import type { Answer } from '../answer.ts';
import { query, vendorHeader } from '../call.ts';
import type { Call } from '../call.ts';
import { pageToken, readPageToken, readCount } from '../listing.ts';
import { ownerElement } from '../owner.ts';
import { element, optional } from '../xml/write.ts';

/** Buckets shown without paging: as many as a project has. */
const mostBuckets = 10_000;

/** `GET /`: the buckets of the caller's project. */
export async function listBuckets(call: Call): Promise<Answer> {
  const { actor, core, dialect, region } = call;
  const token = query(call, 'continuation-token');
  const asked = query(call, 'max-buckets');
  const prefix = query(call, 'prefix') ?? '';
  const page = await core.buckets.listBuckets(actor, {
    prefix,
    after: token ? readPageToken(token) : '',
    limit: readCount(asked, 'max-buckets', mostBuckets, mostBuckets),
  });
  // OBS has file systems besides; we have none.
  const buckets = vendorHeader(call, 'bucket-type') === 'POSIX' ? [] : page.buckets;
  const isPaged = token !== undefined || asked !== undefined || prefix !== '';
  const last = buckets.at(-1);
  return xmlAnswer(dialect, 'ListAllMyBucketsResult', [
    ownerElement(dialect, {
      projectId: actor.projectId ?? '',
      domainId: actor.domainId,
      name: actor.projectName ?? '',
    }),
    element(
      'Buckets',
      buckets.map((bucket) =>
        element('Bucket', [
          element('Name', bucket.name),
          element('CreationDate', xmlTime(bucket.createdAt)),
          isPaged && dialect === 's3' ? element('BucketRegion', region) : undefined,
          dialect === 'obs' ? element('Location', region) : undefined,
          dialect === 'obs' ? element('BucketType', 'OBJECT') : undefined,
        ]),
      ),
    ),
    optional('Prefix', prefix === '' ? undefined : prefix),
    page.isTruncated && last ? element('ContinuationToken', pageToken(last.name)) : undefined,
  ]);
}
