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
import { HttpConnection } from './connection';
import { HttpCallServer } from './server';

/** Asks by HTTP: connections to each instance, made when it is first asked. */
export class HttpCallTransport implements CallTransport {
  readonly technology = 'http';
  private readonly calls: BalancedCalls;

  constructor(
    private readonly options: CallTransportOptions,
    private readonly context: TransportContext,
  ) {
    this.calls = new BalancedCalls({
      schemes: ['http'],
      urlOf: options.urlOf,
      clock: context.clock,
      connect: (instance) => new HttpConnection(instance),
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
    return new HttpCallServer(listen, registry, answer);
  }

  close(): Promise<void> {
    return this.calls.close();
  }
}
