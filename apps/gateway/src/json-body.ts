import { decode, InvalidMessage } from '@parley/messaging';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { problem, Refused } from './problem';

/** Bytes; an order of 100 lines is far below. */
export const BODY_LIMIT = 256 * 1024;

/**
 * Reads JSON bodies as carefully as messages are read: depth is counted before anything parses, and UTF-8 must be UTF-8. No
 * other body is taken; Fastify would read texts, Nest forms.
 */
export function takeJsonOnly(app: NestFastifyApplication): void {
  app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
  app.useBodyParser('application/json', { bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    try {
      done(null, decode('the body', body));
    } catch (error) {
      done(error instanceof InvalidMessage ? new Refused(problem(400, 'The request cannot be read', `The body ${error.issues[0]!.message}.`)) : (error as Error), undefined);
    }
  });
  app.useBodyParser('*', { bodyLimit: BODY_LIMIT }, (_request, _body, done) => done(new Refused(problem(415, 'The request must be application/json')), undefined));
}
