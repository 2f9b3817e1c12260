import type { HandlerRegistry } from '../../handlers/handler-registry';
import type {
  CallConnection,
  CallServer,
  CallTransport,
  HandleCall,
} from '../../ports/call-transport';
import type { CallTransportOptions, TransportContext } from '../../ports/transport';
import { BalancedCalls } from './balanced-calls';
import type { InstanceAddress } from './calls-url';

/** The parts of a technology of calls that are its own. */
export interface CallProtocol {
  /** The technology's name, which is the scheme of its URLs, too. */
  readonly name: string;
  /** A connection to one instance; opens nothing before its first call. */
  connect(instance: InstanceAddress): CallConnection;
  serve(
    at: NonNullable<CallTransportOptions['listen']>,
    registry: HandlerRegistry,
    answer: HandleCall,
  ): CallServer;
}

/** A call transport over the instances of each owner, by the protocol of one technology. */
export class BalancedCallTransport extends BalancedCalls implements CallTransport {
  readonly technology: string;

  constructor(
    private readonly protocol: CallProtocol,
    private readonly served: CallTransportOptions,
    private readonly context: TransportContext,
  ) {
    super({
      schemes: [protocol.name],
      urlOf: served.urlOf,
      clock: context.clock,
      connect: (instance) => protocol.connect(instance),
    });
    this.technology = protocol.name;
  }

  /** @throws Error when the service was given no port */
  server(registry: HandlerRegistry, answer: HandleCall): CallServer {
    const { listen } = this.served;
    if (!listen)
      throw new Error(
        `${this.context.service} handles calls, but was given no port to answer them at`,
      );
    return this.protocol.serve(listen, registry, answer);
  }
}
