import {
  publishedImageSchema,
  publishedImagesSchema,
  publishedMemberSchema,
  publishedMembersSchema,
} from '@imageyard/wire';
import type { FastifyInstance } from '../../http/fastify.ts';
import { baseUrlOf } from '../../http/request-url.ts';
import * as docs from './route-docs.ts';
import { oneVersion, versionDocument, versionNames } from './versions.ts';

/** Version documents: open to everybody, asked for before the first login. */
export function versionRoutes(app: FastifyInstance, publicUrl: string | undefined): void {
  app.get('/', docs.versions, async (request, reply) =>
    reply.code(300).send(versionDocument(baseUrlOf(request, publicUrl))),
  );
  app.head('/', docs.hidden, async (_request, reply) =>
    reply.code(300).header('content-type', 'application/json').send(),
  );
  app.get('/versions', docs.versions, async (request) => versionDocument(baseUrlOf(request, publicUrl)));
  for (const name of versionNames)
    for (const path of [`/${name}`, `/${name}/`])
      app.get(path, docs.hidden, async (request, reply) =>
        reply.code(300).send(oneVersion(baseUrlOf(request, publicUrl), name)),
      );
}

const schemas = {
  image: publishedImageSchema,
  images: publishedImagesSchema,
  member: publishedMemberSchema,
  members: publishedMembersSchema,
};

/** Schemas of the objects below `/v2`: clients check what they send and get against them. */
export function schemaRoutes(app: FastifyInstance): void {
  for (const [name, schema] of Object.entries(schemas))
    app.get(`/v2/schemas/${name}`, docs.schema, async () => schema);
}
