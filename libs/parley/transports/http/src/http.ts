import type { Technology } from '@parley/messaging';
import { HttpCallTransport } from './client';

/** Calls by HTTP/1.1: JSON by POST, as Connect's unary protocol and curl speak it. */
export const http: Technology = {
  name: 'http',
  schemes: ['http'],
  kinds: ['call'],
  openCalls: (options, context) => new HttpCallTransport(options, context),
};
