import type { HandlerRegistry } from '../../handlers/handler-registry';
import type {
  CallConnection,
  CallServer,
  CallTransport,
  HandleCall,
} from '../../ports/call-transport';
import type { CallTransportOptions, TransportContext } from '../../ports/transport';
import { TlsStore } from '../security/tls-store';
import type { ClientTls, ServerTls } from '../security/tls-sides';
import { BalancedCalls } from './balanced-calls';
import { type InstanceAddress, readCallsUrl } from './calls-url';
import { reachByTcp, reachByTls } from './reach';

/** The parts of a technology of calls that are its own. */
export interface CallProtocol {
  /** The technology's name, and the scheme of its URLs; with an `s` behind it, that by TLS. */
  readonly name: string;
  /** True when it carries streams. */
  readonly streams?: boolean;
  /** The protocols that it speaks inside TLS, by their names in ALPN. */
  readonly alpn?: readonly string[];
  /**
   * A connection to one instance; opens nothing before its first call.
   * @param tls undefined: without TLS
   */
  connect(instance: InstanceAddress, tls?: ClientTls): CallConnection;
  serve(
    at: NonNullable<CallTransportOptions['listen']>,
    registry: HandlerRegistry,
    answer: HandleCall,
    tls?: ServerTls,
  ): CallServer;
}

/** The schemes of the URLs of a technology of calls: without TLS, and with it. */
export const schemesOfCalls = (name: string): readonly string[] => [name, `${name}s`];

/** A call transport over the instances of each owner, by the protocol of one technology. */
export class BalancedCallTransport extends BalancedCalls implements CallTransport {
  readonly technology: string;
  readonly provesCallers: boolean;
  readonly stream?: CallTransport['stream'];

  /** @throws CallsUrlError, UnusableFileError */
  constructor(
    private readonly protocol: CallProtocol,
    private readonly served: CallTransportOptions,
    private readonly context: TransportContext,
    private readonly tls = new TlsStore(context.log),
  ) {
    super({
      schemes: schemesOfCalls(protocol.name),
      urlOf: served.urlOf,
      clock: context.clock,
      prepare: (url) => void (url.tls && tls.filesAt(url.tls)),
      connect: (at, url, owner) => protocol.connect(at, tls.toInstance(at, url, owner, protocol)),
      reach: (at, url, owner) => {
        const secured = tls.toInstance(at, url, owner, protocol);
        return secured ? reachByTls(() => secured.options())(at) : reachByTcp(at);
      },
    });
    this.technology = protocol.name;
    if (protocol.streams) this.stream = (request) => this.open(request);
    this.provesCallers = served.listen !== undefined && (this.serverTls()?.isMutual ?? false);
  }

  /** @throws Error when the service was given no port */
  server(registry: HandlerRegistry, answer: HandleCall): CallServer {
    const { listen } = this.served;
    if (!listen)
      throw new Error(
        `${this.context.service} handles calls, but was given no port to answer them at`,
      );
    return this.protocol.serve(listen, registry, answer, this.serverTls());
  }

  override async close(): Promise<void> {
    await super.close();
    this.tls.close();
  }

  private serverTls(): ServerTls | undefined {
    const url = this.served.urlOf(this.context.service);
    const { tls } = readCallsUrl(url, schemesOfCalls(this.protocol.name));
    return tls && this.tls.ofServer(tls);
  }
}
