import { once } from 'node:events';
import { Server, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isStream, openApiOf, type Question, schemaOf } from '@parley/contract';
import {
  type Caller,
  type CallFault,
  type CallServer,
  CallsUnderWay,
  type CallUnderWay,
  type IncomingCall,
  callPathOf,
  ConsumerServer,
  type ConsumerHealth,
  fromWireHeaders,
  type HandleCall,
  type HandlerRegistry,
  portTakenError,
  type ServerTls,
} from '@parley/messaging/transport';
import { Connections } from './connections';
import { errorOf } from './fault';
import { END, frameOf, messageIn } from './frames';
import { JSON_TYPE, MAX_MESSAGE_BYTES, NOT_HANDLED_HEADER, STREAM_TYPE } from './protocol';
import { RequestBodies } from './request-body';
import { readHead, type Refusal } from './request-head';
import { STOPPING } from './refusal';

/** Milliseconds that calls under way have after `close` has aborted their signal. */
const GRACE_MS = 1_000;

const LIMITS = {
  /** Bytes of a request's line and headers: the largest envelope, percent-encoded, and as much. */
  maxHeaderSize: 64 * 1024,
  /** Milliseconds until the headers of a request must have arrived. */
  headersTimeout: 10_000,
  /** Milliseconds until a whole request must have arrived. */
  requestTimeout: 30_000,
  /** Milliseconds between two looks for connections that are beyond one of these. */
  connectionsCheckingInterval: 2_000,
  /** Milliseconds that an idle connection stays open; clients are told, and close it before. */
  keepAliveTimeout: 72_000,
};
/** Milliseconds until a connection must have finished the handshake of TLS. */
const handshakeTimeout = 10_000;
/** Connections by TLS, also those within their handshake. */
const MAX_SOCKETS = 2_000;

/** Nest's strategy for calls by HTTP: one route for each contract. */
export class HttpCallServer extends ConsumerServer<'call'> implements CallServer {
  /** The port it listens on; a free one when port 0 was asked for. */
  port = 0;
  private state: ConsumerHealth['state'] = 'starting';
  private readonly server: Server;
  /** What the certificate of each connection says. */
  private readonly callers = new WeakMap<Socket, Caller>();
  private readonly connections = new Connections();
  private readonly bodies = new RequestBodies();
  private readonly underWay = new CallsUnderWay();
  private readonly routes = new Map<string, Question>();
  private openApi = Buffer.alloc(0);

  constructor(
    private readonly at: { readonly host: string; readonly port: number },
    private readonly handlers: HandlerRegistry,
    private readonly answer: HandleCall,
    tls?: ServerTls,
  ) {
    super('call', handlers);
    const take: RequestListener = (request, response) => this.take(request, response);
    if (tls) this.server = this.byTls(tls, take);
    else
      this.server = new PatientServer(LIMITS, take).on('connection', (socket) =>
        this.connections.accept(socket),
      );
  }

  private byTls(tls: ServerTls, take: RequestListener): TlsServer {
    const server = new PatientTlsServer({ ...LIMITS, handshakeTimeout, ...tls.options() }, take);
    server.maxConnections = MAX_SOCKETS;
    tls.onChange(() => server.setSecureContext(tls.context()));
    return server.on('secureConnection', (socket: TLSSocket) => {
      const { caller, refusal } = tls.peerOf(socket);
      if (caller) this.callers.set(socket, caller);
      this.connections.accept(socket, refusal);
    });
  }

  override listen(started: (error?: unknown) => void): void {
    this.start().then(() => started(), started);
  }

  /**
   * New requests are refused as not handled; callers go to other instances. It still listens: what
   * stands between, a proxy or a Service, may send callers for a while, and a connection that is
   * closed without a word says nothing. Does not wait for the answers under way: how long they may
   * take is the drain's to say.
   */
  async stop(): Promise<void> {
    this.state = 'stopped';
    this.connections.stop();
  }

  /** Calls under way are aborted, and cut off a second later. */
  async close(): Promise<void> {
    await this.stop();
    this.underWay.abort();
    await Promise.race([
      new Promise<void>((resolve) => this.server.close(() => resolve())),
      new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref()),
    ]);
    this.connections.cut();
  }

  health(): ConsumerHealth {
    return { technology: 'http', kind: 'call', state: this.state };
  }

  protected async start(): Promise<void> {
    const contracts = this.handlers.allCalls().map(({ contract }) => contract);
    for (const contract of contracts) this.routes.set(callPathOf(contract), contract as Question);
    const document = openApiOf(contracts[0]?.owner ?? 'nobody', contracts.map(schemaOf));
    this.openApi = Buffer.from(JSON.stringify(document));
    await this.bind();
    this.state = 'consuming';
  }

  private bind(): Promise<void> {
    const { host, port } = this.at;
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(portTakenError(this.at, error));
      this.server.once('error', fail).listen(port, host, () => {
        this.server.off('error', fail);
        this.port = (this.server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (!this.connections.begin(socket)) return;
    response.on('close', () => this.connections.end(socket));
    if (request.method === 'GET' && request.url === OPEN_API)
      return this.write(response, 200, this.openApi);
    const arrived = performance.now();
    const head = this.connections.hasRoom(socket) ? readHead(request, this.routes) : NOT_NOW;
    this.bodies.read(request, (received) => {
      if (this.state === 'stopped' || received === 'too-many')
        return this.refuse(response, NOT_NOW);
      if ('fault' in head) return this.refuse(response, head);
      if (!Buffer.isBuffer(received)) return this.refuse(response, TOO_LARGE);
      const budget = head.timeout && head.timeout - (performance.now() - arrived);
      if (budget !== undefined && budget <= 0) return this.refuse(response, TOO_LATE);
      const asked = { contract: head.contract, budget, request, response };
      if (!isStream(head.contract)) return void this.respond({ ...asked, body: received });
      const body = messageIn(received);
      if (body) void this.stream({ ...asked, body });
      else this.refuse(response, NO_FRAME);
    });
  }

  private begin({ contract, budget, request, response, body }: Asked): Begun {
    const underWay = this.underWay.begin(contract, budget);
    response.on('close', () => {
      if (!response.writableFinished) underWay.callerGone();
    });
    const incoming: IncomingCall = {
      contract: contract.name,
      headers: fromWireHeaders(request.headers),
      body,
      deadline: underWay.deadline,
      signal: underWay.signal,
      caller: this.callers.get(request.socket),
    };
    return { underWay, incoming };
  }

  private async respond(asked: Asked): Promise<void> {
    const { response } = asked;
    const { underWay, incoming } = this.begin(asked);
    const answer = await this.answer(incoming);
    underWay.end();
    if (!answer.ok) return this.refuse(response, { fault: answer.fault });
    if (answer.body.length > MAX_MESSAGE_BYTES) return this.refuse(response, TOO_LARGE);
    this.write(response, 200, answer.body);
  }

  /** As Connect does: with the status 200, and the fault, if any, in the last frame. */
  private async stream(asked: Asked): Promise<void> {
    const { response } = asked;
    const { underWay, incoming } = this.begin(asked);
    const writeHead = () => {
      if (response.headersSent) return;
      if (this.state === 'stopped') response.shouldKeepAlive = false;
      response.writeHead(200, { 'content-type': STREAM_TYPE });
    };
    let refused: CallFault | undefined;
    const write = async (item: Buffer) => {
      if (item.length > MAX_MESSAGE_BYTES) {
        refused = TOO_LARGE.fault;
        throw new Error(refused.message);
      }
      writeHead();
      if (!response.write(frameOf(item))) await once(response, 'drain');
    };
    const answer = await this.answer({ ...incoming, write });
    underWay.end();
    writeHead();
    response.end(frameOf(answer.ok ? NO_ERROR : endWith(refused ?? answer.fault), END));
  }

  private refuse(response: ServerResponse, { fault, status, headers }: Refusal): void {
    const error = errorOf(fault);
    this.write(response, status ?? error.status, error.body, headers);
  }

  private write(
    response: ServerResponse,
    status: number,
    body: Buffer,
    headers?: Readonly<Record<string, string>>,
  ): void {
    if (this.state === 'stopped') response.shouldKeepAlive = false;
    response.writeHead(status, {
      'content-type': JSON_TYPE,
      'content-length': body.length,
      ...headers,
    });
    response.end(body);
  }
}

interface Asked {
  readonly contract: Question;
  /** Milliseconds that the caller still waits; undefined: as the contract says. */
  readonly budget: number | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

/** A request that is being answered. */
interface Begun {
  readonly underWay: CallUnderWay;
  readonly incoming: IncomingCall;
}

/** The calls that are answered here, as a document. */
const OPEN_API = '/openapi.json';

const NOT_NOW: Refusal = {
  fault: STOPPING,
  headers: { [NOT_HANDLED_HEADER]: 'true', connection: 'close' },
};

const TOO_LARGE: Refusal = {
  fault: { code: 'too-large', message: `a message has at most ${MAX_MESSAGE_BYTES} bytes` },
};

const TOO_LATE: Refusal = {
  fault: { code: 'deadline-exceeded', message: 'the deadline passed before the request arrived' },
};

const NO_FRAME: Refusal = {
  fault: {
    code: 'invalid-request',
    message: 'the request of a stream is one frame: a byte 0, its length in four bytes, the JSON',
  },
};

const NO_ERROR = Buffer.from('{}');
const endWith = (fault: CallFault): Buffer =>
  Buffer.concat([Buffer.from('{"error":'), errorOf(fault).body, Buffer.from('}')]);

/** Leaves idle connections to `Connections`; Node's own server cuts them when it is closed. */
class PatientServer extends Server {
  override closeIdleConnections(): void {}
}

class PatientTlsServer extends TlsServer {
  override closeIdleConnections(): void {}
}
