import type { Technology } from '@parley/messaging';
import { BalancedCallTransport, type CallProtocol } from '@parley/messaging/transport';
import { TcpConnection } from './connection';
import { TcpCallServer } from './server';

const PROTOCOL: CallProtocol = {
  name: 'tcp',
  connect: (instance) => new TcpConnection(instance),
  serve: (at, registry, answer) => new TcpCallServer(at, registry, answer),
};

/** Calls by Nest's TCP transport, with deadlines, cancellation and draining. */
export const tcp: Technology = {
  name: 'tcp',
  schemes: ['tcp'],
  kinds: ['call'],
  openCalls: (options, context) => new BalancedCallTransport(PROTOCOL, options, context),
};
