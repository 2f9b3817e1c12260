import { createHash } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';

/** How long an answer that is the same for everybody may be shown again, in seconds. */
export interface Freshness {
  /** Without asking. */
  readonly maxAge: number;
  /** After that, while asking. */
  readonly staleWhileRevalidate: number;
}

/** Caches keep no answer, unless its route says otherwise: most are one customer's. */
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
 * Sends an answer that is the same for everybody, or 304 to a client that has it. The strong entity
 * tag is made from the content: every instance gives the same one.
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

/** A weak tag of the same content will do for If-None-Match (RFC 9110, 13.1.2). */
function isKnown(known: string | undefined, tag: string): boolean {
  const tags = (known ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}
