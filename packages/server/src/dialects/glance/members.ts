import type { ImageMember, MemberStatus } from '@imageyard/core';
import type { FastifyInstance } from '../../http/fastify.ts';
import type { GlanceContext } from './context.ts';
import { GlanceError } from './errors.ts';
import { imageId } from './images.ts';
import type { ImagePath } from './images.ts';
import { jsonBody } from './json.ts';
import * as docs from './route-docs.ts';
import { wireTime } from './view.ts';

interface MemberPath {
  readonly Params: { readonly image_id: string; readonly member_id: string };
}

/** Who else may use an image. */
export function memberRoutes(app: FastifyInstance, { core }: GlanceContext): void {
  app.post<ImagePath>('/v2/images/:image_id/members', docs.addMember, async (request, reply) => {
    const member = parseMember(await jsonBody(request, reply));
    return memberView(await core.images.members.add(request.actor, imageId(request), member));
  });

  app.get<ImagePath>('/v2/images/:image_id/members', docs.listMembers, async (request) => ({
    members: (await core.images.members.list(request.actor, imageId(request))).map(memberView),
    schema: '/v2/schemas/members',
  }));

  app.get<MemberPath>('/v2/images/:image_id/members/:member_id', docs.showMember, async (request) =>
    memberView(await core.images.members.get(request.actor, imageId(request), request.params.member_id)),
  );

  app.put<MemberPath>(
    '/v2/images/:image_id/members/:member_id',
    docs.updateMember,
    async (request, reply) => {
      const status = parseStatus(await jsonBody(request, reply));
      const { member_id: member } = request.params;
      return memberView(await core.images.members.setStatus(request.actor, imageId(request), member, status));
    },
  );

  app.delete<MemberPath>(
    '/v2/images/:image_id/members/:member_id',
    docs.removeMember,
    async (request, reply) => {
      await core.images.members.remove(request.actor, imageId(request), request.params.member_id);
      return reply.code(204).send();
    },
  );
}

function parseMember(body: object): string {
  if (Array.isArray(body))
    throw new GlanceError(400, 'Expected a member in the form: {"member": "image_id"}');
  if (!Object.hasOwn(body, 'member')) throw new GlanceError(400, 'Member to be added not specified');
  const { member } = body as { member: unknown };
  if (member === '') throw new GlanceError(400, "Member can't be empty");
  if (typeof member !== 'string' || member.length > 255)
    throw new GlanceError(400, 'A member is a text of at most 255 characters');
  return member;
}

const memberStatuses = ['pending', 'accepted', 'rejected'] as const satisfies readonly MemberStatus[];

function parseStatus(body: object): MemberStatus {
  if (Array.isArray(body)) throw new GlanceError(400, 'Expected a status in the form: {"status": "status"}');
  if (!Object.hasOwn(body, 'status')) throw new GlanceError(400, 'Status not specified');
  const status = memberStatuses.find((known) => known === (body as { status: unknown }).status);
  if (!status)
    throw new GlanceError(400, 'Incorrect request: Status must be "pending", "accepted" or "rejected".');
  return status;
}

function memberView(member: ImageMember): Record<string, string> {
  return {
    member_id: member.member,
    image_id: member.imageId,
    status: member.status,
    created_at: wireTime(member.createdAt),
    updated_at: wireTime(member.updatedAt),
    schema: '/v2/schemas/member',
  };
}
