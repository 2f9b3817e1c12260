import type { IncomingMessage } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { nextHop, readTracestate, type TraceContext } from '@parley/messaging/transport';
import type { OpenTelemetryTracing } from '@parley/observability';

const contexts = new WeakMap<IncomingMessage, TraceContext>();

/**
 * The context of what follows from a request: its span, or a hop of the trace that its client
 * began.
 */
export function traceOf(request: { readonly raw: IncomingMessage }): TraceContext {
  const known = contexts.get(request.raw);
  if (known) return known;
  const { traceparent, tracestate } = contextIn(request.raw);
  return { traceparent: nextHop(traceparent), tracestate };
}

/** Makes a span of each request to the routes of the application, until its answer is closed. */
export function traceRequests(app: NestFastifyApplication, tracing: OpenTelemetryTracing): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const span = tracing.request(request.method, contextIn(request.raw));
      contexts.set(request.raw, span.context);
      reply.raw.once('close', () => span.end(reply.raw.statusCode, request.routeOptions.url));
      span.run(done);
    });
}

function contextIn({ headers }: IncomingMessage): Partial<TraceContext> {
  const { traceparent, tracestate } = headers;
  return {
    ...(typeof traceparent === 'string' && { traceparent }),
    ...(typeof tracestate === 'string' && { tracestate: readTracestate(tracestate) }),
  };
}
