/** Roles and their rights as the documentation has them, and the calls of the image APIs with what each needs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Call } from './account.ts';

export const sample = readFileSync(join(import.meta.dirname, '../fixtures/sample/sample.qcow2'));
const patchType = { 'content-type': 'application/openstack-images-v2.1-json-patch' };
const octets = { 'content-type': 'application/octet-stream' };

export type Right =
  | 'imsRead'
  | 'imsWrite'
  | 'glanceRead'
  | 'download'
  | 'glanceWrite'
  | 'publicize'
  | 'bucketRead'
  | 'bucketWrite'
  | 'accounts';

const writer: readonly Right[] = ['imsRead', 'imsWrite', 'glanceRead', 'download', 'glanceWrite'];
const all: readonly Right[] = [...writer, 'bucketRead', 'bucketWrite'];
const reader: readonly Right[] = ['imsRead', 'glanceRead'];
/** Role as a grant spells it → its rights in the token's project. `admin` has them in every project. */
export const rights: Readonly<Record<string, readonly Right[]>> = {
  admin: [...all, 'publicize', 'accounts'],
  member: all,
  reader: [...reader, 'bucketRead'],
  service: [],
  te_admin: all,
  'Tenant Administrator': all,
  'IMS Administrator': writer,
  'IMS FullAccess': writer,
  'Server Administrator': writer,
  'IMS ReadOnlyAccess': reader,
  readonly: [...reader, 'bucketRead'],
  'Tenant Guest': [...reader, 'bucketRead'],
  secu_admin: [],
  'Security Administrator': [],
};

export interface Row {
  readonly name: string;
  /** Every one of these is needed; none: any token of a project will do. */
  readonly needs: readonly Right[];
  readonly send: (call: Call, target: { image: string }) => ReturnType<Call>;
  /** Status for who may, on an image of his own project. */
  readonly allowed: number;
  /** Status for who may in his project, on another project's image: it is not there for him. */
  readonly foreign: number | 'own list';
  /** It destroys what it is tried on. */
  readonly fresh?: true;
  /** It makes an image. */
  readonly creates?: true;
}

const replaceName = [{ op: 'replace', path: '/name', value: 'of the owner' }];
const publish = [{ op: 'replace', path: '/visibility', value: 'public' }];
export const rows: readonly Row[] = [
  {
    name: 'IMS list',
    needs: ['imsRead'],
    allowed: 200,
    foreign: 'own list',
    send: (c) => c('GET', '/v2/cloudimages'),
  },
  {
    name: 'IMS register (of an image that is active: refused after the rights)',
    needs: ['imsWrite', 'bucketRead'],
    allowed: 400,
    foreign: 404,
    send: (c, t) => c('PUT', `/v1/cloudimages/${t.image}/upload`, { image_url: 'owned:disk' }),
  },
  {
    name: 'IMS update',
    needs: ['imsWrite'],
    allowed: 200,
    foreign: 404,
    send: (c, t) => c('PATCH', `/v2/cloudimages/${t.image}`, replaceName),
  },
  {
    name: 'IMS quota',
    needs: ['imsRead'],
    allowed: 200,
    foreign: 200,
    send: (c) => c('GET', '/v1/cloudimages/quota'),
  },
  {
    name: 'IMS operating systems',
    needs: ['imsRead'],
    allowed: 200,
    foreign: 200,
    send: (c) => c('GET', '/v1/cloudimages/os_version'),
  },
  {
    name: 'Glance list',
    needs: ['glanceRead'],
    allowed: 200,
    foreign: 'own list',
    send: (c) => c('GET', '/v2/images'),
  },
  {
    name: 'Glance show',
    needs: ['glanceRead'],
    allowed: 200,
    foreign: 404,
    send: (c, t) => c('GET', `/v2/images/${t.image}`),
  },
  {
    name: 'Glance create',
    needs: ['glanceWrite'],
    allowed: 201,
    foreign: 201,
    creates: true,
    send: (c) => c('POST', '/v2/images', { name: 'made by a role' }),
  },
  {
    name: 'Glance update',
    needs: ['glanceWrite'],
    allowed: 200,
    foreign: 404,
    send: (c, t) => c('PATCH', `/v2/images/${t.image}`, JSON.stringify(replaceName), patchType),
  },
  {
    name: 'Glance publish',
    needs: ['glanceWrite', 'publicize'],
    allowed: 200,
    foreign: 404,
    fresh: true,
    send: (c, t) => c('PATCH', `/v2/images/${t.image}`, JSON.stringify(publish), patchType),
  },
  {
    name: 'Glance delete',
    needs: ['glanceWrite'],
    allowed: 204,
    foreign: 404,
    fresh: true,
    send: (c, t) => c('DELETE', `/v2/images/${t.image}`),
  },
  {
    name: 'Glance upload',
    needs: ['glanceWrite'],
    allowed: 204,
    foreign: 404,
    fresh: true,
    send: (c, t) => c('PUT', `/v2/images/${t.image}/file`, sample, octets),
  },
  {
    name: 'Glance download',
    needs: ['download'],
    allowed: 200,
    foreign: 404,
    send: (c, t) => c('GET', `/v2/images/${t.image}/file`),
  },
  {
    name: 'Glance tag',
    needs: ['glanceWrite'],
    allowed: 204,
    foreign: 404,
    send: (c, t) => c('PUT', `/v2/images/${t.image}/tags/tried`),
  },
  {
    name: 'Glance untag',
    needs: ['glanceWrite'],
    allowed: 404,
    foreign: 404,
    send: (c, t) => c('DELETE', `/v2/images/${t.image}/tags/never`),
  },
  {
    name: 'Glance members',
    needs: ['glanceRead'],
    allowed: 200,
    foreign: 404,
    send: (c, t) => c('GET', `/v2/images/${t.image}/members`),
  },
  {
    name: 'Glance schema',
    needs: [],
    allowed: 200,
    foreign: 200,
    send: (c) => c('GET', '/v2/schemas/image'),
  },
];

/** Does the role have every right that the call needs? */
export const may = (role: string, row: Row): boolean =>
  row.needs.every((right) => rights[role]!.includes(right));
