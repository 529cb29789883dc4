/** Requests to the API that must be refused; `{id}` is an active image, `{project}` the caller's project. */
import type { ApiRequest } from './requests.ts';

const KiB = 1024;
const MiB = KiB * KiB;
const deepArray = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const deepObject = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
const octets: readonly [string, string] = ['Content-Type', 'application/octet-stream'];
const patchType: readonly [string, string] = ['Content-Type', 'application/openstack-images-v2.1-json-patch'];
const register = 'PUT /v1/cloudimages/{id}/upload';
const auth = 'POST /v3/auth/tokens';
const nobody = '00000000-0000-4000-8000-000000000000';

export const refusedByApi: readonly (readonly [
  title: string,
  request: ApiRequest,
  status: number | readonly number[],
])[] = [
  ...['{', 'nul', '{"name":}', "{'name':1}", '{"name":"a"} x', '\uFEFF{}x', '[', '"', '{"a":1,}'].map(
    (body) => [`malformed JSON ${body}`, ['POST /v2/images', body], 400] as const,
  ),
  ...['[]', '"text"', '7', 'null', 'true'].map(
    (body) => [`JSON ${body} as an image`, ['POST /v2/images', body], 400] as const,
  ),
  [
    'bytes that are no UTF-8',
    ['POST /v2/images', Buffer.from([0x7b, 0x22, 0x6e, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    400,
  ],
  ['an image in 100 000 arrays', ['POST /v2/images', deepArray], 400],
  ['an image in 100 000 objects', ['POST /v2/images', deepObject], 400],
  ['a property of 100 000 arrays', ['POST /v2/images', `{"name":"x","p":${deepArray}}`], 400],
  ['a patch in 100 000 arrays', ['PATCH /v2/images/{id}', deepArray, [patchType]], 400],
  ['a register in 100 000 objects', [register, deepObject], 400],
  ['a login in 100 000 objects', [auth, deepObject], [400, 413]],
  ['an image of 20 MiB of JSON', ['POST /v2/images', `{"name":"${'x'.repeat(20 * MiB)}"}`], 413],
  ['a login of 20 MiB', [auth, `{"auth":"${'x'.repeat(20 * MiB)}"}`], [400, 413]],
  ['a register of 20 MiB', [register, `{"image_url":"${'x'.repeat(20 * MiB)}"}`], [400, 413]],
  ...['7', '[]', '{}', 'true', '["a"]'].map(
    (value) => [`a name that is ${value}`, ['POST /v2/images', `{"name":${value}}`], 400] as const,
  ),
  ['a name of 4 KiB', ['POST /v2/images', JSON.stringify({ name: 'x'.repeat(4 * KiB) })], 400],
  ['a property name of 4 KiB', ['POST /v2/images', JSON.stringify({ ['x'.repeat(4 * KiB)]: 'y' })], 400],
  ['a property of 1 MiB', ['POST /v2/images', JSON.stringify({ p: 'y'.repeat(MiB) })], [400, 413]],
  [
    '20 000 properties',
    [
      'POST /v2/images',
      JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, 'x']))),
    ],
    413,
  ],
  [
    '20 000 tags',
    ['POST /v2/images', JSON.stringify({ tags: Array.from({ length: 20_000 }, (_, i) => `t${i}`) })],
    [400, 413],
  ],
  ['tags that are an object', ['POST /v2/images', '{"tags":{"a":1}}'], 400],
  ...['-1', '1.5', '"x"', '1e999', '9007199254740993', 'null', '[1]'].map(
    (value) => [`min_disk ${value}`, ['POST /v2/images', `{"min_disk":${value}}`], 400] as const,
  ),
  ['an id that is a path', ['POST /v2/images', '{"id":"../../etc/passwd"}'], 400],
  ['an id that is taken', ['POST /v2/images', '{"id":"{id}"}'], [400, 409]],
  ['an owner that is another project', ['POST /v2/images', '{"owner":["x"]}'], [400, 403]],
  ['an attribute of the platform', ['POST /v2/images', '{"os_glance_x":"1"}'], [400, 403]],
  ['a register that is no object', [register, '["a:b"]'], 400],
  ['an image_url that is a number', [register, '{"image_url":1}'], 400],
  [
    'an image_url with a path',
    [`PUT /v1/cloudimages/${nobody}/upload`, '{"image_url":"../../x:../../y"}'],
    404,
  ],
  ...[
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '%00',
    '%2e%2e',
    'a%0d%0ab',
    '%F0%9F%92%A9',
    "'%20or%201=1--",
  ].flatMap((id) => [
    [`image id ${id}`, [`GET /v2/images/${id}`], 404] as const,
    [`data of image id ${id}`, [`GET /v2/images/${id}/file`], 404] as const,
    [
      `register of image id ${id}`,
      [`PUT /v1/cloudimages/${id}/upload`, '{"image_url":"kept:object"}'],
      [400, 404],
    ] as const,
    [`deletion of image id ${id}`, [`DELETE /v2/images/${id}`], 404] as const,
    [`job id ${id}`, [`GET /v1/{project}/jobs/${id}`], [400, 404]] as const,
    [`user id ${id}`, [`GET /v3/users/${id}`], 404] as const,
    [`project id ${id}`, [`GET /v3/projects/${id}`], 404] as const,
  ]),
  ['an image id of 8 KiB', [`GET /v2/images/${'a'.repeat(8 * KiB)}`], [400, 404, 414]],
  ['a path with .. to the root', ['GET /v2/../../../etc/passwd'], 404],
  ['a path of slashes', ['GET //v2//images'], 404],
  ...['%', '%f', '%ff', '%zz', '%c0%ae'].flatMap((escape) => [
    [`a path with ${escape}`, [`GET /v2/images/${escape}`], [400, 404]] as const,
    [`a query with ${escape}`, [`GET /v2/images?name=${escape}`], [400]] as const,
  ]),
  ...[
    'limit=-1',
    'limit=abc',
    'limit=99999999999999999999x',
    'limit=1.5',
    'limit=',
    'sort_key=;drop',
    'sort_dir=up',
    'sort_key=name&sort_dir=asc&sort=name:asc',
    `marker=${nobody}`,
    'marker=%00',
    'created_at=gte:yesterday',
    'size_min=NaN',
    'member_status=x',
    'os_hidden=perhaps',
    'visibility=secret',
  ].map((query) => [`list with ${query}`, [`GET /v2/images?${query}`], 400] as const),
  ...[
    'limit=-1',
    'limit=abc',
    'limit=0x10',
    `marker=${nobody}`,
    'sort_key=;drop',
    'created_at=gte:yesterday',
  ].map((query) => [`IMS list with ${query}`, [`GET /v2/cloudimages?${query}`], 400] as const),
  ...[
    'bytes=5-1',
    'bytes=abc',
    'items=0-1',
    'bytes=-0',
    'bytes=99999999999999999999-',
    'bytes=--1',
    'bytes=1-2-3',
    `bytes=${'9'.repeat(400)}-`,
  ].map(
    (range) =>
      [`Range ${range.slice(0, 40)}`, ['GET /v2/images/{id}/file', '', [['Range', range]]], 416] as const,
  ),
  [
    'a thousand ranges',
    [
      'GET /v2/images/{id}/file',
      '',
      [['Range', `bytes=${Array.from({ length: 1000 }, (_, i) => `${i}-${i}`).join()}`]],
    ],
    400,
  ],
  ['a patch that is an object', ['PATCH /v2/images/{id}', '{}', [patchType]], 400],
  ['a patch of 7', ['PATCH /v2/images/{id}', '[7]', [patchType]], 400],
  [
    'a patch to __proto__',
    ['PATCH /v2/images/{id}', '[{"op":"replace","path":"/__proto__/x","value":"y"}]', [patchType]],
    400,
  ],
  ['a patch by ~2', ['PATCH /v2/images/{id}', '[{"op":"add","path":"/a~2b","value":"y"}]', [patchType]], 400],
  [
    'a patch to the status',
    ['PATCH /v2/images/{id}', '[{"op":"replace","path":"/status","value":"queued"}]', [patchType]],
    403,
  ],
  ['a patch of another media type', ['PATCH /v2/images/{id}', '[]', [['Content-Type', 'text/xml']]], 415],
  [
    'data of another media type',
    ['PUT /v2/images/{id}/file', 'x', [['Content-Type', 'application/json']]],
    415,
  ],
  ['data for an active image', ['PUT /v2/images/{id}/file', 'x', [octets]], 409],
  ['a token of 8 KiB', ['GET /v2/images', '', [['X-Auth-Token', 'x'.repeat(8 * KiB)]]], 401],
  ['a token that is a path', ['GET /v2/images', '', [['X-Auth-Token', '../../../etc/passwd']]], 401],
  [
    'two tokens',
    [
      'GET /v2/images',
      '',
      [
        ['X-Auth-Token', 'a'],
        ['X-Auth-Token', 'b'],
      ],
    ],
    401,
  ],
  [
    'a signature of nothing',
    [
      'GET /v2/images',
      '',
      [
        ['X-Auth-Token', ''],
        ['Authorization', 'SDK-HMAC-SHA256 Access=,SignedHeaders=,Signature='],
      ],
    ],
    401,
  ],
  [
    'a signature of garbage',
    [
      'GET /v2/images',
      '',
      [
        ['X-Auth-Token', ''],
        ['Authorization', `SDK-HMAC-SHA256 ${'a=,'.repeat(2000)}`],
      ],
    ],
    401,
  ],
  ['an unknown method of a known path', ['PUT /v2/images', '{}'], 405],
  ['TRACE', ['TRACE /v2/images'], [404, 405]],
  ['PROPFIND', ['PROPFIND /v2/images'], [404, 405]],
  [
    'an Upgrade',
    [
      'GET /v2/nothing',
      '',
      [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
      ],
    ],
    404,
  ],
  ['a login without a method', [auth, '{"auth":{"identity":{"methods":[]}}}'], [400, 401]],
  ['a login with methods as text', [auth, '{"auth":{"identity":{"methods":"password"}}}'], 400],
  [
    'a login with a password of 1 MiB',
    [
      auth,
      JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'admin', domain: { name: 'Default' }, password: 'x'.repeat(MiB) } },
          },
        },
      }),
    ],
    [400, 401, 413],
  ],
  [
    'a login with a NUL in the name',
    [
      auth,
      JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: { user: { name: 'ad\0min', domain: { name: 'Default' }, password: 'x' } },
          },
        },
      }),
    ],
    401,
  ],
  [
    'a login by a token of 64 KiB',
    [
      auth,
      JSON.stringify({ auth: { identity: { methods: ['token'], token: { id: 'x'.repeat(64 * KiB) } } } }),
    ],
    [400, 401, 404],
  ],
  ['a user whose name is an object', ['POST /v3/users', '{"user":{"name":{"a":1}}}'], 400],
  [
    'a project whose name is 4 KiB',
    ['POST /v3/projects', JSON.stringify({ project: { name: 'x'.repeat(4 * KiB) } })],
    400,
  ],
];
