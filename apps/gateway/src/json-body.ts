import type { IncomingMessage } from 'node:http';
import { InvalidMessageError } from '@parley/messaging';
import { decode } from '@parley/messaging/transport';
import { problem, ProblemError } from '@parley/service';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Bytes; an order of 100 lines is far below. */
export const MAX_BODY_BYTES = 256 * 1024;

/** Bytes of a body that is too large that are read and discarded, and the time for it in ms. */
const MAX_SWALLOWED_BYTES = 64 * 1024 * 1024;
const SWALLOWING_MS = 10_000;

/**
 * Reads the rest of a request and discards it: a client that still writes would see its connection
 * break, not the answer.
 */
export function swallowed(request: IncomingMessage): Promise<void> {
  let left = MAX_SWALLOWED_BYTES;
  return new Promise((resolve) => {
    const enough = () => (clearTimeout(timer), resolve());
    const timer = setTimeout(enough, SWALLOWING_MS);
    if (request.readableEnded || request.destroyed) return enough();
    request.on('data', (chunk: Buffer) => (left -= chunk.length) < 0 && enough());
    for (const end of ['end', 'close', 'error']) request.once(end, enough);
    request.resume();
  });
}

/**
 * Reads JSON bodies as carefully as messages are read: depth is counted before anything parses, and
 * UTF-8 must be UTF-8. No other body is taken; Fastify would read texts, Nest forms.
 */
export function takeJsonOnly(app: NestFastifyApplication): void {
  app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
  app.useBodyParser('application/json', { bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => {
    try {
      done(null, decode('the body', body));
    } catch (error) {
      done(
        error instanceof InvalidMessageError
          ? new ProblemError(
              problem(400, 'The request cannot be read', `The body ${error.issues[0]!.message}.`),
            )
          : (error as Error),
        undefined,
      );
    }
  });
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', ({ headers }, _reply, done) => {
      const encoding = headers['content-encoding'];
      if (encoding === undefined || encoding === 'identity') done();
      else
        done(
          new ProblemError(
            problem(
              415,
              'The request must not be encoded',
              `Content-Encoding ${encoding.slice(0, 50)} is not taken; send plain JSON.`,
            ),
          ),
        );
    });
  app.useBodyParser('*', { bodyLimit: MAX_BODY_BYTES }, (_request, _body, done) =>
    done(new ProblemError(problem(415, 'The request must be application/json')), undefined),
  );
}
