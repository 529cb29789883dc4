import type { Answer } from './answer.ts';
import type { BucketCall, Call } from './call.ts';
import { isCopy } from './copy-source.ts';
import { S3Error } from './errors.ts';
import {
  bucketLocation,
  createBucket,
  deleteBucket,
  headBucket,
  readBucketClass,
  writeBucketClass,
} from './verbs/bucket.ts';
import { copyObject } from './verbs/copy-object.ts';
import { deleteObject, deleteObjects } from './verbs/delete-objects.ts';
import { getObject } from './verbs/get-object.ts';
import { listBuckets } from './verbs/list-buckets.ts';
import { listObjects, listObjectsV2, listVersions } from './verbs/list-objects.ts';
import { listParts, listUploads } from './verbs/list-uploads.ts';
import { abortUpload, completeUpload, createUpload } from './verbs/multipart.ts';
import { objectAttributes } from './verbs/object-attributes.ts';
import * as probes from './verbs/probes.ts';
import { putObject } from './verbs/put-object.ts';
import { copyPart, uploadPart } from './verbs/upload-part.ts';

type Needs = 'bucket-read' | 'bucket-write';

/** What a request asks for. */
export type Operation =
  | { readonly name: string; readonly on: 'service'; run(call: Call): Promise<Answer> }
  | {
      readonly name: string;
      readonly on: 'bucket';
      /** Judged before `run`. */
      readonly needs: Needs;
      run(call: BucketCall): Promise<Answer>;
    };

type Verb = (call: BucketCall) => Promise<Answer>;
/** By sub-resource, then by method. */
type Table = Readonly<Record<string, Readonly<Record<string, Verb>>>>;

const { absent, emptyDocument, notImplemented } = probes;
const refused = { GET: notImplemented };

/** Sub-resources of a bucket; a method that isn't named here is not implemented. */
const bucketTable: Table = {
  uploads: { GET: listUploads },
  delete: { POST: deleteObjects },
  location: { GET: bucketLocation },
  versions: { GET: listVersions },
  versioning: { GET: emptyDocument('VersioningConfiguration'), PUT: probes.writeVersioning },
  acl: { GET: probes.readAcl, PUT: probes.writeAcl },
  storageClass: { GET: readBucketClass, PUT: writeBucketClass },
  storagePolicy: { GET: readBucketClass, PUT: writeBucketClass },
  storageinfo: { GET: probes.storageInfo },
  quota: { GET: probes.storageQuota },
  policy: { GET: absent('NoSuchBucketPolicy') },
  policyStatus: { GET: absent('NoSuchBucketPolicy') },
  cors: { GET: absent('NoSuchCORSConfiguration') },
  lifecycle: { GET: absent('NoSuchLifecycleConfiguration') },
  website: { GET: absent('NoSuchWebsiteConfiguration') },
  replication: { GET: absent('ReplicationConfigurationNotFoundError') },
  publicAccessBlock: { GET: absent('NoSuchPublicAccessBlockConfiguration') },
  ownershipControls: { GET: absent('OwnershipControlsNotFoundError') },
  tagging: { GET: absent('NoSuchTagSet') },
  encryption: {
    GET: absent('ServerSideEncryptionConfigurationNotFoundError', 'NoSuchEncryptionConfiguration'),
  },
  'object-lock': { GET: absent('ObjectLockConfigurationNotFoundError') },
  requestPayment: { GET: probes.requestPayment },
  notification: { GET: emptyDocument('NotificationConfiguration') },
  logging: { GET: emptyDocument('BucketLoggingStatus') },
  accelerate: refused,
  analytics: refused,
  inventory: refused,
  metrics: refused,
  'intelligent-tiering': refused,
  customdomain: refused,
  directcoldaccess: refused,
  mirrorBackToSource: refused,
};

const objectTable: Table = {
  uploadId: {
    GET: listParts,
    PUT: (call) => (isCopy(call) ? copyPart(call) : uploadPart(call)),
    POST: completeUpload,
    DELETE: abortUpload,
  },
  uploads: { POST: createUpload },
  acl: { GET: probes.readAcl, PUT: probes.writeAcl },
  tagging: { GET: probes.objectTagging },
  retention: { GET: absent('NoSuchObjectLockConfiguration') },
  'legal-hold': { GET: absent('NoSuchObjectLockConfiguration') },
  restore: { POST: probes.restoreObject },
  append: refused,
  modify: refused,
  truncate: refused,
  rename: refused,
  torrent: refused,
  select: refused,
  attributes: { GET: objectAttributes },
  metadata: refused,
  encryption: refused,
};

/** PUT makes a bucket, which there isn't one to judge for yet. */
const bucketVerbs: Readonly<Record<string, Verb>> = {
  GET: listObjects,
  HEAD: headBucket,
  PUT: createBucket,
  DELETE: deleteBucket,
};

const objectVerbs: Readonly<Record<string, Verb>> = {
  GET: getObject,
  HEAD: getObject,
  PUT: (call) => (isCopy(call) ? copyObject(call) : putObject(call)),
  DELETE: deleteObject,
};

function notAllowed(verbs: Readonly<Record<string, Verb>>): Verb {
  const allow = Object.keys(verbs).join(', ');
  return () => Promise.reject(new S3Error('MethodNotAllowed', undefined, {}, { allow }));
}

function verbOf({ method, target, headers }: Call): { name: string; verb: Verb } {
  const isObject = target.key !== '';
  const table = isObject ? objectTable : bucketTable;
  const verbs = isObject ? objectVerbs : bucketVerbs;
  const names = new Set(target.query.map((parameter) => parameter.name));
  const sub = Object.keys(table).find((name) => names.has(name));
  if (sub !== undefined && method !== 'HEAD')
    return { name: `${method} ?${sub}`, verb: table[sub]?.[method] ?? notImplemented };
  if (!isObject && method === 'GET' && target.query.some((p) => p.name === 'list-type' && p.value === '2'))
    return { name: 'GET ?list-type=2', verb: listObjectsV2 };
  const isForm = headers.get('content-type')?.startsWith('multipart/form-data') ?? false;
  if (!isObject && method === 'POST' && isForm) return { name: 'POST form', verb: notImplemented };
  return { name: `${method} ${isObject ? 'object' : 'bucket'}`, verb: verbs[method] ?? notAllowed(verbs) };
}

/** Which operation a request asks for. @throws {S3Error} MethodNotAllowed on the service itself */
export function operationOf(call: Call): Operation {
  const { method, target } = call;
  if (target.bucket === '') {
    if (method === 'GET') return { name: 'list buckets', on: 'service', run: listBuckets };
    throw new S3Error('MethodNotAllowed', undefined, {}, { allow: 'GET' });
  }
  const { name, verb } = verbOf(call);
  if (verb === createBucket) return { name, on: 'service', run: createBucket };
  const needs: Needs = method === 'GET' || method === 'HEAD' ? 'bucket-read' : 'bucket-write';
  return { name, on: 'bucket', needs, run: verb };
}
