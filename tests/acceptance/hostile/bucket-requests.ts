/** Signed requests to the bucket listener that must be refused; bucket `kept` has `object`. */
import type { S3Request } from '../bucket.ts';

const KiB = 1024;
const MiB = KiB * KiB;
const entities = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]>`;
const deletion = (inner: string): string => `<Delete><Object><Key>${inner}</Key></Object></Delete>`;
const documents: readonly (readonly [string, string])[] = [
  ['a billion laughs', `${entities}${deletion('&j;')}`],
  ['an entity of a file', `<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>${deletion('&a;')}`],
  ['a DTD elsewhere', `<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">${deletion('object')}`],
  ['an unknown entity', deletion('&nope;')],
  ['100 000 elements in each other', `${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`],
  ['100 000 elements that never end', '<a>'.repeat(100_000)],
  [
    '100 000 attributes',
    `<Delete ${Array.from({ length: 100_000 }, (_, i) => `a${i}="x"`).join(' ')}></Delete>`,
  ],
  ['a comment that never ends', `<Delete><!--${'-'.repeat(500_000)}`],
  ['a CDATA that never ends', `<Delete><![CDATA[${']'.repeat(500_000)}`],
  ['500 KiB of <', '<'.repeat(500_000)],
  ['500 KiB of &', deletion('&'.repeat(500_000))],
  ['9 MiB', deletion('x'.repeat(9 * MiB))],
  ['no XML', '{"a":1}'],
  ['nothing', ''],
  ['NULs', '\0\0\0\0'],
];

export const refusedByBucket: readonly (readonly [
  title: string,
  request: S3Request,
  code: RegExp,
  status?: number,
])[] = [
  ...documents.flatMap(([title, body]) => [
    [
      `batch delete: ${title}`,
      { method: 'POST', path: '/kept', query: { delete: '' }, body },
      /MalformedXML|MissingRequestBodyError|InvalidRequest/,
    ] as const,
    [
      `bucket configuration: ${title}`,
      { method: 'PUT', path: '/newbucket', body: body || '<' },
      /MalformedXML|InvalidRequest|IllegalLocation/,
    ] as const,
  ]),
  ['a bucket called ..', { method: 'PUT', path: '/%2e%2e' }, /InvalidBucketName/],
  ['a bucket with NUL', { method: 'PUT', path: '/a%00b' }, /InvalidBucketName|InvalidURI/],
  ['a bucket of 4 KiB', { method: 'PUT', path: `/${'a'.repeat(4 * KiB)}` }, /InvalidBucketName/],
  ['a bucket in capitals', { method: 'PUT', path: '/KEPT' }, /InvalidBucketName/],
  ['a key of 1025 bytes', { method: 'PUT', path: `/kept/${'a'.repeat(1025)}`, body: 'x' }, /KeyTooLongError/],
  [
    'a key of broken UTF-8',
    { method: 'PUT', path: '/kept/%ff', body: 'x' },
    /InvalidURI|InvalidArgument|InvalidRequest/,
  ],
  [
    'a broken escape',
    { method: 'GET', path: '/kept/%zz' },
    /InvalidURI|InvalidArgument|InvalidRequest|SignatureDoesNotMatch/,
  ],
  [
    'Content-MD5 of garbage',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'content-md5': '!!!' } },
    /InvalidDigest/,
  ],
  [
    'Content-MD5 of other bytes',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' } },
    /BadDigest/,
  ],
  [
    'a checksum of garbage',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-checksum-crc32': '????' } },
    /InvalidRequest|BadDigest|InvalidDigest/,
  ],
  [
    'an unknown storage class',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-storage-class': 'TAPE' } },
    /InvalidStorageClass|InvalidArgument/,
  ],
  [
    'metadata of 60 KiB',
    { method: 'PUT', path: '/kept/x', body: 'x', headers: { 'x-amz-meta-a': 'm'.repeat(60 * KiB) } },
    /MetadataTooLarge|RequestHeaderSectionTooLarge/,
  ],
  ...['-1', 'abc', '99999999999999999999', '1.5'].map(
    (value) =>
      [
        `max-keys ${value}`,
        { method: 'GET', path: '/kept', query: { 'max-keys': value } },
        /InvalidArgument/,
      ] as const,
  ),
  [
    'a continuation token of garbage',
    { method: 'GET', path: '/kept', query: { 'list-type': '2', 'continuation-token': '%00../..' } },
    /InvalidArgument/,
  ],
  ...['0', '-1', '10001', 'abc', '1e3'].map(
    (part) =>
      [
        `part number ${part}`,
        { method: 'PUT', path: '/kept/x', query: { partNumber: part, uploadId: 'a'.repeat(32) }, body: 'x' },
        /InvalidArgument|NoSuchUpload/,
      ] as const,
  ),
  [
    'an upload id that is a path',
    {
      method: 'PUT',
      path: '/kept/x',
      query: { partNumber: '1', uploadId: '../../../etc/passwd' },
      body: 'x',
    },
    /NoSuchUpload/,
  ],
  [
    'an unknown upload completed',
    {
      method: 'POST',
      path: '/kept/x',
      query: { uploadId: 'a'.repeat(32) },
      body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
    },
    /NoSuchUpload/,
  ],
  [
    'a copy from a path',
    { method: 'PUT', path: '/kept/x', headers: { 'x-amz-copy-source': '/../../etc/passwd' } },
    /InvalidArgument|NoSuchBucket|InvalidBucketName|InvalidRequest|NoSuchKey/,
  ],
  [
    'a copy from %00',
    { method: 'PUT', path: '/kept/x', headers: { 'x-amz-copy-source': '/kept/%00%zz' } },
    /InvalidArgument|NoSuchKey|InvalidRequest|InvalidURI/,
  ],
  [
    'a range past the end',
    { method: 'GET', path: '/kept/object', headers: { range: 'bytes=99999999999999999999-' } },
    /InvalidRange/,
  ],
  ['an unknown method', { method: 'PATCH', path: '/kept/object' }, /MethodNotAllowed|NotImplemented/],
  [
    'an unknown subresource',
    { method: 'PUT', path: '/kept', query: { frobnicate: '' }, body: '<x/>' },
    /NotImplemented|MalformedXML|InvalidRequest|BucketAlready/,
  ],
];
