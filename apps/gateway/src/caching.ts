import { createHash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';

/** The time, in seconds, for which caches may reuse a public answer. */
export interface Freshness {
  /** `max-age`: without a request. */
  readonly maxAge: number;
  /** `stale-while-revalidate`: after that, while a request is under way. */
  readonly staleWhileRevalidate: number;
}

/** Adds `cache-control: no-store` to every answer whose route sets none. */
export function storeNothing(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onSend', (_request, reply, _payload, done) => {
      if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
      done();
    });
}

/**
 * Sends a public answer, or 304 to a client that has it already. The strong entity tag is a hash of
 * the content, the same from every instance.
 * @param known the request's If-None-Match
 */
export function sendPublic(
  reply: FastifyReply,
  content: object,
  { maxAge, staleWhileRevalidate }: Freshness,
  known: string | undefined,
): void {
  const body = JSON.stringify(content);
  const tag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  void reply
    .header('etag', tag)
    .header(
      'cache-control',
      `public, max-age=${maxAge}, stale-while-revalidate=${staleWhileRevalidate}`,
    );
  if (isKnown(known, tag)) void reply.status(304).send();
  else void reply.header('content-type', 'application/json; charset=utf-8').send(body);
}

/** If-None-Match compares weakly: `W/` does not count (RFC 9110, 13.1.2). */
function isKnown(known: string | undefined, tag: string): boolean {
  const tags = (known ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}
