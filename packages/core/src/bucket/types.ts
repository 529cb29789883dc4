import type { Readable } from 'node:stream';
import type { Tx } from '../catalog/database.ts';
import type { Actor } from '../identity/actor.ts';
import type { ReceivedBlob } from '../blob/types.ts';

export type StorageClass = 'STANDARD' | 'WARM' | 'COLD';

/** What registering needs to know of a bucket object: which bytes, whatever happens to the key. */
export interface ObjectPin {
  readonly bucket: string;
  readonly key: string;
  readonly generation: string;
  readonly blobId: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly storageClass: StorageClass;
}

export interface Bucket {
  readonly name: string;
  readonly projectId: string;
  readonly domainId: string;
  readonly ownerName: string;
  readonly storageClass: StorageClass;
  readonly createdAt: number;
}

export type ChecksumAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme' | 'sha1' | 'sha256';
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT';

/** A client's checksum: base64 of the big-endian value, `-N` appended to a composite one. */
export interface ObjectChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** What a caller says about an object; kept and given back, never interpreted. */
export interface ObjectFacts {
  /** Undefined: the bucket's. */
  readonly storageClass?: StorageClass | undefined;
  /** Stored headers by lower-case name (`content-type`, `cache-control`, …). */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by lower-case name without prefix; values byte for byte as Latin-1. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface BucketObject extends ObjectPin {
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly checksum: ObjectChecksum | undefined;
  /** Parts that can be read by number; undefined for what was written in one piece. */
  readonly partCount: number | undefined;
  readonly uploadId: string | undefined;
  readonly createdAt: number;
}

/** What must hold of the key at publish; ETags without quotes. */
export interface WriteConditions {
  /** `*` or ETags, of which one must be the object's. */
  readonly ifMatch?: readonly string[] | undefined;
  /** `*`: the key must not exist; ETags: the object's must not be among them. */
  readonly ifNoneMatch?: readonly string[] | undefined;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly storageClass: StorageClass;
  readonly createdAt: number;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined;
}

export interface ListQuery {
  readonly prefix: string;
  /** Empty: none. */
  readonly delimiter: string;
  /** Exclusive; a common prefix here skips all of it. Empty: from the start. */
  readonly after: string;
  readonly limit: number;
}

/** Keys and common prefixes, merged in UTF-8 byte order. */
export interface Page<T> {
  readonly entries: readonly (
    | { readonly prefix: string; readonly item?: undefined }
    | { readonly item: T; readonly prefix?: undefined }
  )[];
  readonly isTruncated: boolean;
}

export interface Upload extends ObjectFacts {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly projectId: string;
  readonly userId: string;
  readonly userName: string;
  readonly storageClass: StorageClass;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined;
  readonly createdAt: number;
}

export interface UploadPart {
  readonly partNumber: number;
  readonly blobId: string;
  readonly sizeBytes: number;
  readonly md5: string;
  /** Base64, of the upload's algorithm. */
  readonly checksum: string | undefined;
  readonly createdAt: number;
}

/** One line of a Complete request. */
export interface NamedPart {
  readonly partNumber: number;
  /** Without quotes. */
  readonly etag: string;
  readonly checksum?: string | undefined;
}

export interface CompleteOptions {
  readonly conditions: WriteConditions;
  /** Every part but the last has at least so many bytes. */
  readonly leastPartBytes: number;
  /** Announced length of the whole. */
  readonly expectedBytes?: number | undefined;
  /** Judges the parts that make the object and combines their checksums; throws to refuse. */
  judge?(upload: Upload, parts: readonly UploadPart[]): ObjectChecksum | undefined;
}

/** One part of a finished multipart object. */
export interface ObjectPart {
  readonly ordinal: number;
  readonly start: number;
  readonly sizeBytes: number;
  readonly checksum: string | undefined;
}

/** `core/bucket`: buckets, objects, unfinished uploads. Calls on objects take a bucket that `open` judged. */
export interface Buckets {
  /** @throws `bucket-name-invalid`, `bucket-owned`, `bucket-exists`, `bucket-limit`, `not-authorized` */
  createBucket(actor: Actor, name: string, storageClass?: StorageClass): Promise<Bucket>;
  /** The actor's buckets by name after `after`, one more than `limit` told by `isTruncated`. */
  listBuckets(
    actor: Actor,
    query: { prefix: string; after: string; limit: number },
  ): Promise<{ buckets: Bucket[]; isTruncated: boolean }>;
  /** A bucket that the actor may use so. @throws `bucket-not-found`, `not-authorized` */
  open(actor: Actor, name: string, action: 'bucket-read' | 'bucket-write'): Promise<Bucket>;
  /** Whether a bucket of this name exists, whoever's it is. */
  exists(name: string): Promise<boolean>;
  /** Its unfinished uploads are aborted. @throws `bucket-not-empty` */
  deleteBucket(bucket: Bucket): Promise<void>;
  setStorageClass(bucket: Bucket, storageClass: StorageClass): Promise<void>;
  usage(bucket: Bucket): Promise<{ objects: number; sizeBytes: number }>;

  /** @throws `object-not-found` */
  head(bucket: Bucket, key: string): Promise<BucketObject>;
  find(bucket: Bucket, key: string): Promise<BucketObject | undefined>;
  /**
   * Publish a received blob under a key, as a new generation. The blob is dropped on any refusal.
   * @throws `precondition-failed`, `object-not-found` (ifMatch on an absent key), `bucket-not-found`
   */
  put(
    bucket: Bucket,
    key: string,
    blob: ReceivedBlob,
    facts: ObjectFacts,
    options?: { conditions?: WriteConditions; checksum?: ObjectChecksum | undefined },
  ): Promise<BucketObject>;
  /** A new object that refers to the same bytes; moves no data. */
  copy(
    source: BucketObject,
    bucket: Bucket,
    key: string,
    facts: ObjectFacts,
    options?: { conditions?: WriteConditions; checksum?: ObjectChecksum | undefined },
  ): Promise<BucketObject>;
  /** Absent keys are no error. */
  delete(bucket: Bucket, keys: readonly string[]): Promise<void>;
  list(bucket: Bucket, query: ListQuery): Promise<Page<ListedObject>>;
  /** Bytes [start, end) of an object, all without a range. */
  read(object: BucketObject, range?: { start: number; end: number }, signal?: AbortSignal): Promise<Readable>;
  /** Parts of a multipart object behind the ordinal `after` (from 0); none of what was written in one piece. */
  parts(object: BucketObject, after: number, limit: number): Promise<ObjectPart[]>;

  createUpload(
    actor: Actor,
    bucket: Bucket,
    key: string,
    facts: ObjectFacts,
    checksum?: { algorithm: ChecksumAlgorithm; type: ChecksumType },
  ): Promise<Upload>;
  /** @throws `upload-not-found` */
  upload(bucket: Bucket, key: string, uploadId: string): Promise<Upload>;
  /** Keep a received blob as a part; the same number replaces. @throws `upload-not-found` */
  putPart(upload: Upload, partNumber: number, blob: ReceivedBlob, checksum?: string): Promise<UploadPart>;
  listParts(
    upload: Upload,
    after: number,
    limit: number,
  ): Promise<{ parts: UploadPart[]; isTruncated: boolean }>;
  listUploads(bucket: Bucket, query: ListQuery & { afterId?: string }): Promise<Page<Upload>>;
  /**
   * Make the named parts one object, by metadata alone; the others are dropped. Repeated with the
   * same list it gives the same object for a day.
   * @throws `upload-not-found`, `part-invalid`, `part-order`, `part-too-small`, `value-invalid`,
   *   `precondition-failed`
   */
  completeUpload(
    bucket: Bucket,
    key: string,
    uploadId: string,
    parts: readonly NamedPart[],
    options: CompleteOptions,
  ): Promise<BucketObject>;
  /** @throws `upload-not-found` */
  abortUpload(upload: Upload): Promise<void>;

  /**
   * The object that a registration names, readable by the actor (IMS register, preconditions 8–11).
   * @throws `source-bucket-not-found`, `source-wrong-storage-class`, `source-not-found`
   */
  locate(actor: Actor, bucket: string, key: string): Promise<ObjectPin>;
  /**
   * Within the transaction that stores the pin's blob as a job's source: the object is still that
   * generation. @throws `source-changed`
   */
  pin(tx: Tx, pin: ObjectPin): Promise<void>;
  /** Abort uploads that are too old, forget finished ones; the number aborted. */
  expireUploads(): Promise<number>;
  /** Let hashing of unfinished uploads end. */
  close(): void;
}
