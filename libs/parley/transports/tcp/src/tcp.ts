import type { Technology } from '@parley/messaging';
import {
  BalancedCallTransport,
  type CallProtocol,
  schemesOfCalls,
} from '@parley/messaging/transport';
import { TcpConnection } from './connection';
import { TcpCallServer } from './server';

const PROTOCOL: CallProtocol = {
  name: 'tcp',
  connect: (instance, tls) => new TcpConnection(instance, tls),
  serve: (at, registry, answer, tls) => new TcpCallServer(at, registry, answer, tls),
};

/** Calls by Nest's TCP transport, with deadlines, cancellation and draining. */
export const tcp: Technology = {
  name: 'tcp',
  schemes: schemesOfCalls('tcp'),
  kinds: ['call'],
  openCalls: (options, context) => new BalancedCallTransport(PROTOCOL, options, context),
};
