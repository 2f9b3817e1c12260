import { decode, InvalidMessage } from '@parley/messaging';
import type { FastifyInstance } from 'fastify';
import { problem, Refused } from './problem';

/** Bytes; an order of 100 lines is far below. */
export const BODY_LIMIT = 256 * 1024;

/** Reads JSON bodies as carefully as messages are read: depth is counted before anything parses, and UTF-8 must be UTF-8. */
export function parseJsonCarefully(fastify: FastifyInstance): void {
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    try {
      done(null, decode('the body', body as Buffer));
    } catch (error) {
      done(error instanceof InvalidMessage ? new Refused(problem(400, 'The request cannot be read', error.message)) : (error as Error), undefined);
    }
  });
}
