import { setLogger } from '@grpc/grpc-js';
import type { Technology } from '@parley/messaging';
import {
  BalancedCallTransport,
  type CallProtocol,
  schemesOfCalls,
  type TransportContext,
} from '@parley/messaging/transport';
import { GrpcConnection } from './connection';
import { GrpcCallServer } from './server';

const PROTOCOL: CallProtocol = {
  name: 'grpc',
  alpn: ['h2'],
  streams: true,
  connect: (instance, tls) => new GrpcConnection(instance, tls),
  serve: (at, registry, answer, tls) => new GrpcCallServer(at, registry, answer, tls),
};

/** Calls by gRPC: one method per contract, HTTP/2, deadlines and cancellation on the wire. */
export const grpc: Technology = {
  name: 'grpc',
  schemes: schemesOfCalls('grpc'),
  kinds: ['call'],
  openCalls: (options, context) => {
    setLogger(noteFor(context));
    return new BalancedCallTransport(PROTOCOL, options, context);
  },
};

/**
 * grpc-js's own messages, which it would write to stderr, at level debug: the caller gets them as
 * errors, too.
 */
function noteFor({ log }: TransportContext): Partial<Console> {
  const note = (...parts: unknown[]) => log('debug', `gRPC: ${parts.join(' ')}`);
  return { error: note, info: note, debug: note };
}
