import type { Technology } from '@parley/messaging';
import {
  BalancedCalls,
  type CallResult,
  type CallServer,
  type CallTransport,
  type CallTransportOptions,
  type HandleCall,
  type HandlerRegistry,
  type InstanceState,
  type OutgoingCall,
  type TransportContext,
} from '@parley/messaging/transport';
import { TcpConnection } from './connection';
import { TcpCallServer } from './server';

/** Calls by Nest's TCP transport, with deadlines, cancellation and draining. */
export const tcp: Technology = {
  name: 'tcp',
  schemes: ['tcp'],
  kinds: ['call'],
  openCalls: (options, context) => new TcpCallTransport(options, context),
};

/** Asks by TCP: a connection per instance, opened when it is first asked. */
export class TcpCallTransport implements CallTransport {
  readonly technology = 'tcp';
  private readonly calls: BalancedCalls;

  constructor(
    private readonly options: CallTransportOptions,
    private readonly context: TransportContext,
  ) {
    this.calls = new BalancedCalls({
      schemes: ['tcp'],
      urlOf: options.urlOf,
      clock: context.clock,
      connect: (instance) => new TcpConnection(instance),
    });
  }

  call(request: OutgoingCall): Promise<CallResult> {
    return this.calls.call(request);
  }

  isMesh(owner: string): boolean {
    return this.calls.isMesh(owner);
  }

  instances(): readonly InstanceState[] {
    return this.calls.instances();
  }

  server(registry: HandlerRegistry, answer: HandleCall): CallServer {
    const { listen } = this.options;
    if (!listen)
      throw new Error(
        `${this.context.service} handles calls, but was given no port to answer them at`,
      );
    return new TcpCallServer(listen, registry, answer);
  }

  close(): Promise<void> {
    return this.calls.close();
  }
}
