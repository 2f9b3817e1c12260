import {
  type CallConnection,
  callPathOf,
  type CallResult,
  type ClientTls,
  hostAndPort,
  type InstanceAddress,
  type Items,
  type OutgoingCall,
  toWireHeaders,
} from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { Exchange, type Peer, TOO_LARGE } from './exchange';
import { frameOf } from './frames';
import {
  JSON_TYPE,
  LONGEST_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  STREAM_TYPE,
  TIMEOUT_HEADER,
} from './protocol';
import { StreamExchange } from './stream-exchange';

/** Milliseconds until an instance must have accepted a connection, TLS included. */
const CONNECT_TIMEOUT_MS = 3_000;

const POOL: Pool.Options = {
  /** Calls at once; more wait for one of these, until their deadlines. */
  connections: 256,
  pipelining: 1,
  connect: { timeout: CONNECT_TIMEOUT_MS },
  // A server that does not say how long it keeps an idle connection may close it at any time.
  keepAliveTimeout: 4_000,
  // Calls have deadlines.
  headersTimeout: 0,
  bodyTimeout: 0,
};

/** Connections to one instance, kept open between calls. */
export class HttpConnection implements CallConnection, Peer {
  private readonly origin: string;
  private pool: Pool;
  /** Time of the process's clock at which a response began last. */
  private heardAt = 0;

  /** Of the files for TLS that the pool connects with. */
  private version?: number;

  constructor(
    { host, port }: InstanceAddress,
    private readonly tls?: ClientTls,
  ) {
    this.origin = `${tls ? 'https' : 'http'}://${hostAndPort(host, port)}`;
    this.pool = this.open();
  }

  async call(request: OutgoingCall): Promise<CallResult> {
    const { contract, body, deadline, signal } = request;
    signal?.throwIfAborted();
    const budget = deadline.budget();
    if (budget < 1) throw new DeadlineExceededError(contract.name, budget);
    if (body.length > MAX_MESSAGE_BYTES) return TOO_LARGE;
    return new Promise((resolve, reject) =>
      this.send(
        request,
        budget,
        JSON_TYPE,
        body,
        new Exchange(request, budget, this, { resolve, reject }),
      ),
    );
  }

  stream(request: OutgoingCall): Items {
    const { contract, body, deadline } = request;
    const budget = deadline.budget();
    if (budget < 1) throw new DeadlineExceededError(contract.name, budget);
    const exchange = new StreamExchange(request, this);
    if (body.length > MAX_MESSAGE_BYTES) exchange.items.end(TOO_LARGE.fault);
    else this.send(request, budget, STREAM_TYPE, frameOf(body), exchange);
    return exchange.items;
  }

  private send(
    { contract, headers }: OutgoingCall,
    budget: number,
    type: string,
    body: Buffer,
    exchange: Dispatcher.DispatchHandler,
  ): void {
    if (this.tls?.version !== this.version) this.replace();
    const head = toWireHeaders(headers);
    head['content-type'] = type;
    head[TIMEOUT_HEADER] = String(Math.min(Math.floor(budget), LONGEST_TIMEOUT_MS));
    this.pool.dispatch(
      { path: callPathOf(contract), method: 'POST', headers: head, body },
      exchange,
    );
  }

  heard(): void {
    this.heardAt = performance.now();
  }

  /**
   * When nothing was heard since the request was sent, the network may have lost its connection
   * without a sign, and the idle ones with it: they are closed.
   */
  unheard(sentAt: number): void {
    if (this.heardAt <= sentAt) this.replace();
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }

  /** Requests under way are answered on their connections; new ones get new connections. */
  private replace(): void {
    const former = this.pool;
    this.pool = this.open();
    void former.close();
  }

  private open(): Pool {
    const { tls } = this;
    if (!tls) return new Pool(this.origin, POOL);
    this.version = tls.version;
    // A session that is resumed would show no certificate.
    const options = { timeout: CONNECT_TIMEOUT_MS, maxCachedSessions: 0, ...tls.options() };
    return new Pool(this.origin, { ...POOL, connect: buildConnector(options) });
  }
}
