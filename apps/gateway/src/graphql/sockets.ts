import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { startTimer } from '@parley/resilience';
import { ClientGoneError } from '@parley/service';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { Callers } from '../callers';
import { PageOrigins } from '../limits/cross-origin';
import { callerWithOrders, type EdgeContext } from './context';
import { GraphqlRequest, operationIn } from './documents';
import { refused, shown } from './errors';
import { GraphqlEdge } from './graphql-edge';
import { GraphqlSettings } from './settings';
import { ignoreUpgrade, refuseUpgrade } from './upgrades';

/** The most subscriptions of a socket at a time. */
export const MAX_OPERATIONS = 10;
/** The most bytes of a client's message: a document and its variables. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** The most unread bytes of a client; beyond, its connection is closed. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Milliseconds between two pings. A connection whose last ping is unanswered is closed. */
const PING_MS = 30_000;
/** Milliseconds for which a shutdown waits for the close frames of clients. */
const CLOSING_MS = 1_000;

/** Close codes of graphql-transport-ws and of RFC 6455. */
const FORBIDDEN = 4403;
const GOING_AWAY = 1001;
const INTERNAL_ERROR = 1011;

interface Extra {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly signal: AbortSignal;
  context?: EdgeContext;
}
type SocketContext = Context<Record<string, unknown>, Extra>;

/**
 * Subscriptions over WebSocket, by the protocol graphql-transport-ws. Queries and mutations are for
 * HTTP. A socket ends with the token that it was opened with.
 */
@Injectable()
export class GraphqlSockets implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('graphql');
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols,
  });
  private readonly silent = new WeakSet<WebSocket>();
  private isClosing = false;
  private pinging?: NodeJS.Timeout;
  private readonly protocol = makeServer<Record<string, unknown>, Extra>({
    onConnect: (context) => this.connect(context),
    onSubscribe: (context, _id, payload) => this.subscribe(context, payload),
    onNext: (_context, _id, _payload, _arguments, { errors, ...result }) =>
      errors && { ...result, errors: errors.map((error) => shown(error)) },
    onError: (_context, _id, _payload, errors) => errors.map((error) => shown(error)),
  });

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly edge: GraphqlEdge,
    private readonly callers: Callers,
    private readonly settings: GraphqlSettings,
    private readonly origins: PageOrigins,
  ) {}

  onModuleInit(): void {
    const server: Server = this.host.httpAdapter.getHttpServer();
    server.on('upgrade', (request, socket, head) => this.upgrade(server, request, socket, head));
    this.pinging = setInterval(() => this.ping(), PING_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.isClosing = true;
    clearInterval(this.pinging);
    await Promise.all([...this.sockets.clients].map((socket) => closed(socket)));
  }

  private upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return ignoreUpgrade(server, request, socket, head);
    socket.on('error', () => socket.destroy());
    if (request.url?.split('?')[0] !== '/graphql')
      return refuseUpgrade(socket, 404, 'There is no WebSocket here');
    if (!this.origins.mayConnect(request.headers))
      return refuseUpgrade(socket, 403, 'Pages of this origin may not use the shop');
    if (this.isClosing || this.sockets.clients.size >= this.settings.sockets)
      return refuseUpgrade(socket, 503, 'There are no further WebSockets right now');
    if (!handleProtocols(request.headers['sec-websocket-protocol'] ?? ''))
      return refuseUpgrade(socket, 400, 'The WebSocket must speak graphql-transport-ws');
    this.sockets.handleUpgrade(request, socket, head, (open) => this.serve(open, request));
  }

  private serve(socket: WebSocket, request: IncomingMessage): void {
    const leaving = new AbortController();
    const ended = this.protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(socket, data),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) =>
          socket.on('message', (data) => {
            handle(String(data)).catch((error: unknown) => this.fail(socket, error));
          }),
      },
      { socket, request, signal: leaving.signal },
    );
    socket.on('pong', () => this.silent.delete(socket));
    socket.on('error', () => socket.terminate()); // an invalid frame, or one that is too large
    socket.once('close', (code, reason) => {
      leaving.abort(new ClientGoneError());
      ended(code, String(reason)).catch((error: unknown) => this.fail(socket, error));
    });
  }

  /** @returns false for a caller without orders: the protocol then closes the socket */
  private async connect({ connectionParams = {}, extra }: SocketContext): Promise<boolean> {
    const { authorization = extra.request.headers.authorization } = connectionParams;
    if (authorization !== undefined && typeof authorization !== 'string') return false;
    const known = this.callers.callerOf(authorization);
    const context = this.edge.context(() => known, extra.signal);
    const caller = await callerWithOrders(context).catch(() => undefined);
    if (!caller) return false;
    extra.context = context;
    if (caller.left !== undefined) {
      const end = () => extra.socket.close(FORBIDDEN, 'The token is no longer good');
      extra.socket.once('close', startTimer(caller.left, end));
    }
    return true;
  }

  private subscribe(
    { subscriptions, extra }: SocketContext,
    payload: SubscribePayload,
  ): ExecutionArgs | readonly GraphQLError[] {
    if (Object.keys(subscriptions).length > MAX_OPERATIONS)
      return [refused('too-many-requests', `A socket has at most ${MAX_OPERATIONS} operations`)];
    try {
      return this.executable(payload, extra.context);
    } catch (error) {
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  /** @throws GraphQLError */
  private executable(
    payload: SubscribePayload,
    contextValue: EdgeContext | undefined,
  ): ExecutionArgs | readonly GraphQLError[] {
    const { schema, documents } = this.edge;
    const asked = GraphqlRequest.safeParse(payload);
    if (!asked.success) throw refused('invalid-request', 'This is no GraphQL request');
    const { operationName, variables: variableValues } = asked.data;
    const named = documents.named(asked.data);
    const kind = operationIn(named, operationName);
    if (kind !== 'subscription')
      throw refused('invalid-document', `Send a ${kind} by HTTP: POST /graphql`);
    const errors = documents.errorsOf(named);
    const { document } = named;
    return errors.length > 0
      ? errors
      : { schema, document, operationName, variableValues, contextValue };
  }

  private ping(): void {
    for (const socket of this.sockets.clients) {
      if (this.silent.has(socket)) socket.terminate();
      else socket.ping();
      this.silent.add(socket);
    }
  }

  private fail(socket: WebSocket, error: unknown): void {
    this.logger.error({ message: 'a WebSocket failed', error });
    socket.close(INTERNAL_ERROR, 'Something went wrong here');
  }
}

/** Resolves when the message is written or the socket has failed. */
async function send(socket: WebSocket, data: string): Promise<void> {
  if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
  if (socket.readyState !== socket.OPEN) return;
  // an error closes the socket, which ends its operations
  await new Promise<void>((resolve) => socket.send(data, () => resolve()));
}

async function closed(socket: WebSocket): Promise<void> {
  const over = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const stop = startTimer(CLOSING_MS, () => socket.terminate());
  socket.close(GOING_AWAY, 'Going away');
  await over;
  stop();
}
