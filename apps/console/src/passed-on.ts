import type { FastifyReply } from 'fastify';
import type { Answer } from '@parley/cli';

/** One of many answers, with the service it came from. */
export const rowOf = ({ service, ok, body, error }: Answer) =>
  ok
    ? { service, ...(Array.isArray(body) ? { items: body } : (body as object)) }
    : { service, error: error ?? body };

/** The one answer, as it came. */
export function passedOn(reply: FastifyReply, { status = 503, body, error }: Answer): unknown {
  void reply.status(status);
  return body ?? { message: error };
}
