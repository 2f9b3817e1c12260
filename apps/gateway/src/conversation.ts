import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { inConversation } from '@parley/messaging';
import { callerLimits, ProblemError, traceOf } from '@parley/service';

/**
 * A request from outside begins a conversation: every message that follows carries its id. Ids
 * from outside are ignored, except for the W3C trace context. Calls end with the wait of the client
 * (callerLimits).
 */
export function beginConversations(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const correlationId = randomUUID();
      void reply.header('x-correlation-id', correlationId);
      const limits = limitsOf(request, reply);
      if (limits instanceof ProblemError) return done(limits);
      inConversation(
        {
          correlationId,
          ...traceOf(request),
          ...limits,
        },
        done,
      );
    });
}

function limitsOf(...asked: Parameters<typeof callerLimits>) {
  try {
    return callerLimits(...asked);
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
}
