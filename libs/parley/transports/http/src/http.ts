import type { Technology } from '@parley/messaging';
import {
  BalancedCallTransport,
  type CallProtocol,
  schemesOfCalls,
} from '@parley/messaging/transport';
import { HttpConnection } from './connection';
import { HttpCallServer } from './server';

const PROTOCOL: CallProtocol = {
  name: 'http',
  alpn: ['http/1.1'],
  streams: true,
  connect: (instance, tls) => new HttpConnection(instance, tls),
  serve: (at, registry, answer, tls) => new HttpCallServer(at, registry, answer, tls),
};

/** Calls by HTTP/1.1: JSON by POST, as Connect's unary protocol and curl speak it. */
export const http: Technology = {
  name: 'http',
  schemes: schemesOfCalls('http'),
  kinds: ['call'],
  openCalls: (options, context) => new BalancedCallTransport(PROTOCOL, options, context),
};
