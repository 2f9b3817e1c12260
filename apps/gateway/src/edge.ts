import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProblemFilter, type Problem } from '@parley/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { storeNothing } from './caching';
import { beginConversations } from './conversation';
import { serveGraphql } from './graphql/graphql-edge';
import { MAX_BODY_BYTES, swallowed, takeJsonOnly } from './json-body';
import { limitRequests } from './limits/client-limits';
import { refuseOtherMethods } from './methods';
import { describeEdge } from './openapi';
import { shopProblemOf } from './problem';
import { secureAnswers } from './security-headers';
import { serveStorefront } from './storefront';

/** Answers errors before Nest, such as those of the router, with problems. */
const beforeNest = new ProblemFilter();

/** HTTP options of the edge, for `serve`. */
export const edge = {
  toStrangers: true,
  bodyLimit: MAX_BODY_BYTES,
  fastify: {
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply): void =>
      beforeNest.answer(error, request, reply),
  },
  problemOf: shopProblemOf,
  beforeAnswer: (
    { status }: Problem,
    { raw }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> | undefined => {
    if (status === 401) void reply.header('www-authenticate', 'Bearer');
    return status === 413 ? swallowed(raw) : undefined;
  },
  configure: (app: NestFastifyApplication): void => {
    beginConversations(app);
    secureAnswers(app);
    storeNothing(app);
    limitRequests(app);
    takeJsonOnly(app);
    refuseOtherMethods(app);
    describeEdge(app);
    serveGraphql(app);
    serveStorefront(app);
  },
};
