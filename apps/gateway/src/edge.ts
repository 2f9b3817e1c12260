import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { beginConversations } from './conversation';
import { BODY_LIMIT, takeJsonOnly } from './json-body';
import { describeEdge } from './openapi';
import { answerProblem } from './problem.filter';

/** How the edge takes HTTP. */
export const edge = {
  bodyLimit: BODY_LIMIT,
  /** Paths that cannot be read never reach Nest. */
  fastify: { frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply): void => answerProblem(error, request, reply) },
  configure: (app: NestFastifyApplication): void => {
    beginConversations(app);
    takeJsonOnly(app);
    describeEdge(app);
  },
};
