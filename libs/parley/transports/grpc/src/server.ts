import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { ServerGrpc, type MessageHandler } from '@nestjs/microservices';
import { milliseconds, type Call } from '@parley/contract';
import {
  hostAndPort,
  TRANSPORT_ID,
  type HandleCall,
  type CallServer,
  type HandlerExtras,
  type HandlerRegistry,
  type IncomingCall,
  type ConsumerHealth,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceeded, startTimer } from '@parley/resilience';
import { MESSAGE_LIMIT, methodOf } from './codec';
import { errorOf } from './fault';
import { headersFrom } from './headers';

/** Milliseconds that calls under way have after `close` has aborted their signal. */
const GRACE = 1_000;

/** The caller does not wait for this reply any more. */
export class CallerGoneError extends Error {
  override readonly name = 'CallerGoneError';
  constructor(contract: string) {
    super(`the caller of ${contract} cancelled it or went away`);
  }
}

/** This instance stops, and the drain ran out of time. */
export class ServerStoppedError extends Error {
  override readonly name = 'ServerStoppedError';
  constructor(contract: string) {
    super(`${contract} was still being answered when this instance stopped`);
  }
}

type Respond = sendUnaryData<Buffer>;

/** Nest's gRPC server, with its methods made from the handlers instead of .proto files. */
export class GrpcCallServer extends ServerGrpc implements CallServer {
  private state: ConsumerHealth['state'] = 'starting';
  private answered?: Promise<void>;
  private readonly underWay = new Map<AbortController, string>();
  /** The port it listens on; a free one when port 0 was asked for. */
  port = 0;

  constructor(
    private readonly at: { readonly host: string; readonly port: number },
    private readonly registry: HandlerRegistry,
    private readonly answer: HandleCall,
  ) {
    super({ url: hostAndPort(at.host, at.port), package: '', protoPath: '' });
    this.transportId = TRANSPORT_ID.call;
  }

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  /** Nest's opens the port here, before there is anything to answer with; ours is opened last. */
  override async createClient(): Promise<Server> {
    return new Server({
      'grpc.max_receive_message_length': MESSAGE_LIMIT,
      'grpc.max_send_message_length': MESSAGE_LIMIT,
      // Callers that go by a name look it up again when they reconnect, and so find instances that
      // were added.
      'grpc.max_connection_age_ms': milliseconds('5m'),
      'grpc.max_connection_age_grace_ms': milliseconds('1m'),
    });
  }

  override async bindEvents(): Promise<void> {
    for (const { contract } of this.registry.allCalls()) this.addMethod(contract as Call);
    this.port = await this.bind();
    this.state = 'consuming';
  }

  /**
   * Callers are told to go elsewhere. Does not wait for the answers under way: how long they may
   * take is the drain's to say.
   */
  async stop(): Promise<void> {
    this.state = 'stopped';
    const server = this.grpcClient as Server | undefined;
    this.answered ??= new Promise((resolve) =>
      server ? server.tryShutdown(() => resolve()) : resolve(),
    );
  }

  /** Calls under way are aborted, and cut off a second later. */
  override async close(): Promise<void> {
    await this.stop();
    for (const [call, contract] of this.underWay) call.abort(new ServerStoppedError(contract));
    await Promise.race([
      this.answered,
      new Promise((resolve) => setTimeout(resolve, GRACE).unref()),
    ]);
    (this.grpcClient as Server | undefined)?.forceShutdown();
  }

  health(): ConsumerHealth {
    return { technology: 'grpc', kind: 'call', state: this.state };
  }

  private addMethod(contract: Call): void {
    const { path, encode, decode } = methodOf(contract);
    const handle = (call: ServerUnaryCall<Buffer, Buffer>, respond: Respond) =>
      void this.respond(contract, call, respond);
    (this.grpcClient as Server).register(path, handle, encode, decode, 'unary');
  }

  private bind(): Promise<number> {
    return new Promise((resolve, reject) =>
      (this.grpcClient as Server).bindAsync(
        this.url,
        ServerCredentials.createInsecure(),
        (error, port) =>
          error
            ? reject(
                new Error(
                  `calls cannot be answered at ${this.url}: ${error.message}; is the port taken?`,
                  { cause: error },
                ),
              )
            : resolve(port),
      ),
    );
  }

  private async respond(
    contract: Call,
    call: ServerUnaryCall<Buffer, Buffer>,
    respond: Respond,
  ): Promise<void> {
    const deadline = deadlineOf(call, contract);
    const abort = new AbortController();
    const budget = deadline.budget();
    const cancel = startTimer(budget, () =>
      abort.abort(new DeadlineExceeded(contract.name, budget)),
    );
    call.on('cancelled', () =>
      abort.abort(
        deadline.budget() === 0
          ? new DeadlineExceeded(contract.name, budget)
          : new CallerGoneError(contract.name),
      ),
    );
    this.underWay.set(abort, contract.name);
    const answer = await this.answer(incoming(contract, call, deadline, abort.signal));
    this.underWay.delete(abort);
    cancel();
    if (answer.ok) respond(null, answer.body);
    else respond(errorOf(answer.fault));
  }
}

function incoming(
  contract: Call,
  call: ServerUnaryCall<Buffer, Buffer>,
  deadline: Deadline,
  signal: AbortSignal,
): IncomingCall {
  return {
    contract: contract.name,
    headers: headersFrom(call.metadata),
    body: call.request,
    deadline,
    signal,
  };
}

/** A foreign caller may have set none: the contract's then counts. */
function deadlineOf(call: ServerUnaryCall<Buffer, Buffer>, contract: Call): Deadline {
  const at = Number(call.getDeadline());
  const timeOfDay = Date.now();
  return Deadline.within(Number.isFinite(at) ? at - timeOfDay : contract.deadline);
}
