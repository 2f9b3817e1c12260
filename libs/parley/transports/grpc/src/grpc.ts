import type { Technology } from '@parley/messaging';
import { GrpcCallTransport } from './client';

/** Calls by gRPC: one method per contract, HTTP/2, deadlines and cancellation on the wire. */
export const grpc: Technology = {
  name: 'grpc',
  schemes: ['grpc'],
  kinds: ['call'],
  openCalls: (options, context) => new GrpcCallTransport(options, context),
};
