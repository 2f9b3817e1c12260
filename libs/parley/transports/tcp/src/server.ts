import { once } from 'node:events';
import { createServer, type Server as SocketServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { isStream, type Question } from '@parley/contract';
import {
  boundedFault,
  type Caller,
  type CallFault,
  type CallServer,
  type CallUnderWay,
  CallsUnderWay,
  type ConsumerHealth,
  ConsumerServer,
  type HandleCall,
  type HandlerRegistry,
  noStreams,
  portTakenError,
  type ServerTls,
} from '@parley/messaging/transport';
import { CallerConnection, refuse } from './caller-connection';
import { MAX_MESSAGE_BYTES } from './frames';
import { type Request, STOPPING } from './packets';

/** Milliseconds that callers have to leave, and calls under way to be answered, at the end. */
const GRACE_MS = 1_000;
/** Connections of callers at the same time. */
const MAX_CONNECTIONS = 1_000;
/** Milliseconds until a connection must have finished the handshake of TLS. */
const handshakeTimeout = 10_000;
/** Bytes of a fault's details that travel. */
const MAX_FAULT_BYTES = 64 * 1024;

const refusal = (code: string, message: string): CallFault => ({ code, message });

/** Answers calls by Nest's TCP transport, and stops without losing one. */
export class TcpCallServer extends ConsumerServer<'call'> implements CallServer {
  private state: ConsumerHealth['state'] = 'starting';
  private readonly underWay = new CallsUnderWay();
  private readonly connections = new Set<CallerConnection>();
  private readonly contracts = new Map<string, Question>();
  private readonly server: SocketServer;
  /** The port it listens on; a free one when port 0 was asked for. */
  port = 0;

  constructor(
    private readonly at: { readonly host: string; readonly port: number },
    private readonly handlers: HandlerRegistry,
    private readonly answer: HandleCall,
    tls?: ServerTls,
  ) {
    super('call', handlers);
    this.server = tls
      ? this.byTls(tls)
      : createServer({ noDelay: true }, (socket) => this.accept(socket));
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  private byTls(tls: ServerTls): SocketServer {
    const options = { noDelay: true, handshakeTimeout, ...tls.options() };
    const server = createTlsServer(options, (socket) => {
      const { caller, refusal } = tls.peerOf(socket);
      if (refusal) refuse(socket, refusal);
      else this.accept(socket, caller);
    });
    tls.onChange(() => server.setSecureContext(tls.context()));
    return server;
  }

  private accept(socket: Socket, caller?: Caller): void {
    const connection: CallerConnection = new CallerConnection(
      socket,
      {
        asked: (request) => void this.respond(connection, request),
        closed: () => this.connections.delete(connection),
      },
      caller,
    );
    this.connections.add(connection);
  }

  override listen(started: (error?: unknown) => void): void {
    this.start().then(() => started(), started);
  }

  /** Callers are told to go elsewhere. Does not wait for the answers under way. */
  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    if (this.server.listening) this.server.close();
    for (const connection of this.connections) connection.goAway();
  }

  /** Calls under way are aborted, and cut off a second later. */
  async close(): Promise<void> {
    await this.stop();
    this.underWay.abort();
    const left = Promise.all([...this.connections].map((connection) => connection.leave()));
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref())]);
    for (const connection of this.connections) connection.destroy();
  }

  health(): ConsumerHealth {
    return { technology: 'tcp', kind: 'call', state: this.state };
  }

  protected async start(): Promise<void> {
    for (const { contract } of this.handlers.allCalls()) {
      if (isStream(contract)) throw noStreams(contract, 'tcp');
      this.contracts.set(contract.name, contract as Question);
    }
    const { host, port } = this.at;
    try {
      this.server.listen(port, host);
      await once(this.server, 'listening');
    } catch (error) {
      throw portTakenError(this.at, error as Error);
    }
    const address = this.server.address();
    this.port = typeof address === 'object' && address ? address.port : port;
    this.state = 'consuming';
  }

  private async respond(connection: CallerConnection, request: Request): Promise<void> {
    const { id, pattern, body, budget } = request;
    const contract = this.contracts.get(pattern);
    if (this.state === 'stopped')
      return connection.fail(id, refusal(STOPPING, 'this instance stops; ask another one'));
    if (!contract) return connection.fail(id, refusal('no-handler', 'nothing here answers this'));
    if (body.length > MAX_MESSAGE_BYTES)
      return connection.fail(id, refusal('too-large', `more than ${MAX_MESSAGE_BYTES} bytes`));
    const call = this.underWay.begin(contract, budget);
    if (connection.begin(id, call)) await this.answerTo(connection, request, contract, call);
    else call.end();
  }

  private async answerTo(
    connection: CallerConnection,
    { id, headers, body }: Request,
    contract: Question,
    call: CallUnderWay,
  ): Promise<void> {
    const { deadline, signal } = call;
    const { caller } = connection;
    const incoming = { contract: contract.name, headers, body, deadline, signal, caller };
    const answer = await this.answer(incoming);
    call.end();
    connection.end(id);
    if (!answer.ok) connection.fail(id, boundedFault(answer.fault, MAX_FAULT_BYTES));
    else if (answer.body.length <= MAX_MESSAGE_BYTES) connection.reply(id, answer.body);
    else
      connection.fail(
        id,
        refusal('too-large', `a reply of ${answer.body.length} bytes is too large`),
      );
  }
}
