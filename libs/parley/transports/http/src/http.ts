import type { Technology } from '@parley/messaging';
import { BalancedCallTransport, type CallProtocol } from '@parley/messaging/transport';
import { HttpConnection } from './connection';
import { HttpCallServer } from './server';

const PROTOCOL: CallProtocol = {
  name: 'http',
  connect: (instance) => new HttpConnection(instance),
  serve: (at, registry, answer) => new HttpCallServer(at, registry, answer),
};

/** Calls by HTTP/1.1: JSON by POST, as Connect's unary protocol and curl speak it. */
export const http: Technology = {
  name: 'http',
  schemes: ['http'],
  kinds: ['call'],
  openCalls: (options, context) => new BalancedCallTransport(PROTOCOL, options, context),
};
