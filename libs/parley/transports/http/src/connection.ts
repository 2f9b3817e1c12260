import {
  type CallConnection,
  callPathOf,
  type CallResult,
  type ClientTls,
  hostAndPort,
  type InstanceAddress,
  type OutgoingCall,
  toWireHeaders,
} from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';
import { buildConnector, Pool } from 'undici';
import { Exchange, type Peer, TOO_LARGE } from './exchange';
import { JSON_TYPE, MAX_MESSAGE_BYTES, TIMEOUT_HEADER } from './protocol';

/** Milliseconds until an instance must have accepted a connection, TLS included. */
const CONNECT_TIMEOUT_MS = 3_000;

const POOL: Pool.Options = {
  /** Calls at once; more wait for one of these, until their deadlines. */
  connections: 256,
  pipelining: 1,
  connect: { timeout: CONNECT_TIMEOUT_MS },
  // A server that does not say how long it keeps an idle connection may close it at any time.
  keepAliveTimeout: 4_000,
  maxResponseSize: MAX_MESSAGE_BYTES,
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
    const { contract, headers, body, deadline, signal } = request;
    signal?.throwIfAborted();
    const budget = deadline.budget();
    if (budget < 1) throw new DeadlineExceededError(contract.name, budget);
    if (body.length > MAX_MESSAGE_BYTES) return TOO_LARGE;
    if (this.tls?.version !== this.version) this.replace();
    const head = toWireHeaders(headers);
    head['content-type'] = JSON_TYPE;
    head[TIMEOUT_HEADER] = String(Math.floor(budget));
    return new Promise((resolve, reject) =>
      this.pool.dispatch(
        { path: callPathOf(contract), method: 'POST', headers: head, body },
        new Exchange(request, budget, this, { resolve, reject }),
      ),
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
