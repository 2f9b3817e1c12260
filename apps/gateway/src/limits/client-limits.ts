import { Injectable } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { isSafe, problem, ProblemError } from '@parley/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Callers } from '../callers';
import { clientOf } from './client';
import { type Allowance, RateLimits, type RequestKind } from './rate-limits';

/** Refuses requests of a client that sends more than its limit. */
@Injectable()
export class ClientLimits {
  constructor(
    private readonly limits: RateLimits,
    private readonly callers: Callers,
  ) {}

  /**
   * Counts a request, and describes the rest of the limit in headers of its answer
   * (draft-ietf-httpapi-ratelimit-headers-10).
   * @throws ProblemError 429, with Retry-After
   */
  async count(request: FastifyRequest, reply: FastifyReply, kind: RequestKind): Promise<void> {
    if (!this.limits.has(kind)) return;
    const caller = await this.callers.of(request.raw).catch(() => undefined);
    const allowance = await this.limits.count(clientOf(caller, request.ip), kind);
    if (!allowance) return;
    describe(reply, allowance);
    if (!allowance.isOver) return;
    void reply.header('retry-after', String(allowance.resetSeconds));
    throw new ProblemError(tooMany(allowance));
  }
}

/**
 * Counts every request as soon as it is received. A POST of GraphQL counts as a read; the edge
 * counts a mutation as a write, too, when it has read the document.
 */
export function limitRequests(app: NestFastifyApplication): void {
  const limits = app.get(ClientLimits);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      const isRead = isSafe(request.method) || request.routeOptions.url === '/graphql';
      await limits.count(request, reply, isRead ? 'reads' : 'writes');
    });
}

function describe(reply: FastifyReply, { kind, limit, remaining, resetSeconds }: Allowance): void {
  void reply
    .header('ratelimit-policy', `"${kind}";q=${limit.requests};w=${limit.seconds}`)
    .header('ratelimit', `"${kind}";r=${remaining};t=${resetSeconds}`);
}

const tooMany = ({ kind, limit, resetSeconds }: Allowance) =>
  problem(
    429,
    'These are too many requests',
    `There may be ${limit.requests} ${kind} in ${limit.seconds} s; try again in ${resetSeconds} s.`,
  );
