import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { hostAndPort } from '@parley/messaging/transport';
import { startTimer } from '@parley/resilience';
import type { Lifecycle } from './lifecycle';
import { problem } from './problem';
import { areaOf } from '@parley/operations';

/** The port could not be opened; the message contains the address and the remedy. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * Limits of requests and connections. Times are in milliseconds.
 */
export interface HttpLimits {
  /** For the headers of a request. */
  readonly headersTimeout: number;
  /** For the whole request. */
  readonly requestTimeout: number;
  /** Between two checks of these times. */
  readonly connectionsCheckingInterval: number;
  /** The most connections at the application's port; further ones are closed at once. */
  readonly maxConnections: number;
}

/**
 * Bodies are small: 30 s are enough for 256 KiB on a bad line. Slower requests are refused with
 * 408.
 */
const LIMITS: HttpLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  maxConnections: 10_000,
};

/** The place of metrics and operations. */
export interface OperationsPlace {
  /** Their port; it may be the port of the application. */
  readonly operationsPort?: number;
  /** Default: loopback. */
  readonly operationsHost?: string;
  /**
   * True when strangers reach the application's port: without `operationsPort`, metrics and
   * operations are not served.
   */
  readonly toStrangers?: boolean;
}

/**
 * The HTTP server of the process. It is open before the application is made and until it is gone,
 * so that liveness and readiness always have an answer; Nest's adapter gets its requests, but not
 * the say over listening and closing.
 */
export class HttpServer {
  private readonly server: Server;
  /** Metrics and operations, when they have a port of their own. */
  private backDoor?: Server;
  /** True when metrics and operations are not served on the port of the application. */
  private strangersOnly = false;
  private app?: RequestListener;
  private readonly open = new Set<ServerResponse>();
  private readonly limits: HttpLimits;
  private whenIdle?: () => void;

  /** @param operations answers health, metrics and operations, in every phase */
  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly operations: RequestListener,
    limits: Partial<HttpLimits> = {},
  ) {
    this.limits = { ...LIMITS, ...limits };
    this.server = createServer(this.limits, (request, response) => this.receive(request, response));
    this.server.maxConnections = this.limits.maxConnections;
    this.server.keepAliveTimeout = 72_000; // longer than the usual load balancer's, so that it is the one to close
  }

  /** @throws ListenError */
  async listen(
    host: string,
    port: number,
    { operationsPort, operationsHost = '127.0.0.1', toStrangers = false }: OperationsPlace = {},
  ): Promise<void> {
    this.strangersOnly =
      operationsPort === undefined ? toStrangers : operationsPort !== port || port === 0;
    await listening(this.server, host, port, 'PORT');
    if (operationsPort === undefined || !this.strangersOnly) return;
    this.backDoor = createServer(this.limits, this.operations);
    await listening(this.backDoor, operationsHost, operationsPort, 'OPERATIONS_PORT');
  }

  /** For the HTTP adapter: takes its handler, gives it the server. */
  readonly serverFactory = (handler: RequestListener): Server => {
    this.app = handler;
    return this.server;
  };

  get httpServer(): Server {
    return this.server;
  }

  get address(): string {
    const address = this.server.address();
    return typeof address === 'object' && address
      ? `http://${hostAndPort(address.address, address.port)}`
      : 'closed';
  }

  /**
   * Ends streams, which never end by themselves (their readers come back elsewhere), and resolves
   * when no other request is open, or after `milliseconds`.
   */
  async idle(milliseconds: number): Promise<boolean> {
    for (const response of this.open) if (isStream(response.req)) response.end();
    if (this.working() === 0) return true;
    await new Promise<void>((resolve) => {
      const cancel = startTimer(milliseconds, resolve);
      this.whenIdle = () => (cancel(), resolve());
    });
    return this.working() === 0;
  }

  /** Connections that are merely kept alive do not hold it back. */
  async close(): Promise<void> {
    await Promise.all([this.server, this.backDoor].map((server) => server && closed(server)));
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    this.track(response);
    const { phase } = this.lifecycle;
    if (phase !== 'running') response.shouldKeepAlive = false;
    if (this.isOperational(request.url ?? '')) return this.operations(request, response);
    if (this.app && phase === 'running') return this.app(request, response);
    const { reason } = this.lifecycle;
    if (reason === undefined)
      return answer(response, 404, {
        status: 404,
        message: 'this service has no HTTP routes of its own',
      });
    response.setHeader('retry-after', '1');
    answer(
      response,
      503,
      problem(
        503,
        'This service takes no requests right now',
        `Nothing was done; it is ${reason}.`,
      ),
      'application/problem+json',
    );
  }

  /** Answered while starting and draining, too. */
  private isOperational(url: string): boolean {
    const area = areaOf(url);
    return this.strangersOnly ? area === 'health' : area !== undefined;
  }

  private track(response: ServerResponse): void {
    this.open.add(response);
    response.once('close', () => {
      this.open.delete(response);
      if (this.working() === 0) this.whenIdle?.();
    });
  }

  private working(): number {
    let count = 0;
    for (const { req } of this.open)
      if (!isStream(req) && areaOf(req.url ?? '') === undefined) count += 1;
    return count;
  }
}

const isStream = (request: IncomingMessage): boolean =>
  request.headers.accept?.includes('text/event-stream') ?? false;

function answer(
  response: ServerResponse,
  status: number,
  body: object,
  type = 'application/json',
): void {
  response
    .writeHead(status, { 'content-type': `${type}; charset=utf-8` })
    .end(JSON.stringify(body));
}

async function listening(
  server: Server,
  host: string,
  port: number,
  variable: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(whyNot(error, host, port, variable))),
    );
    server.listen(port, host, resolve);
  });
}

async function closed(server: Server): Promise<void> {
  const over = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await over;
}

function whyNot(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
  variable: string,
): string {
  if (error.code === 'EADDRINUSE')
    return `port ${port} on ${host} is taken; stop what listens there or set ${variable}`;
  if (error.code === 'EACCES')
    return `port ${port} on ${host} may not be opened by this user; set ${variable} to one above 1023`;
  if (error.code === 'EADDRNOTAVAIL') return `${host} is no address of this machine; set HOST`;
  return `cannot listen on ${hostAndPort(host, port)}: ${error.message}`;
}
