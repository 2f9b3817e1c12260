import { once } from 'node:events';
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { ServerGrpc, type MessageHandler } from '@nestjs/microservices';
import { isStream, milliseconds, type Question } from '@parley/contract';
import {
  type CallFault,
  CallsUnderWay,
  type CallUnderWay,
  type IncomingCall,
  hostAndPort,
  portTakenError,
  TRANSPORT_ID,
  type HandleCall,
  type CallServer,
  type HandlerExtras,
  fromWireHeaders,
  type HandlerRegistry,
  type ConsumerHealth,
  twiceFault,
  writtenTwice,
  type ServerTls,
} from '@parley/messaging/transport';
import { formOf, issuesOf, MAX_MESSAGE_BYTES, type Method, methodOf, type WireForm } from './codec';
import { errorOf, FAULT_BEHIND_ITEMS, trailersOf } from './fault';
import { Peers, TlsCredentials } from './peers';
import { describedFile } from './standard/file-descriptor';
import { HEALTH_SERVICE, HealthService } from './standard/health-service';
import { ReflectionService } from './standard/reflection-service';

/** Milliseconds that calls under way have after `close` has aborted their signal. */
const GRACE_MS = 1_000;

type Respond = sendUnaryData<Buffer>;
type Writable = ServerWritableStream<Buffer, Buffer>;

/** Nest's gRPC server, with its methods made from the handlers instead of .proto files. */
export class GrpcCallServer extends ServerGrpc implements CallServer {
  private state: ConsumerHealth['state'] = 'starting';
  private answered?: Promise<void>;
  private readonly underWay = new CallsUnderWay();
  private healthService?: HealthService;
  private reflection?: ReflectionService;
  /** Undefined: callers show no certificates. */
  private readonly peers?: Peers;
  /** The port it listens on; a free one when port 0 was asked for. */
  port = 0;

  constructor(
    private readonly at: { readonly host: string; readonly port: number },
    private readonly registry: HandlerRegistry,
    private readonly answer: HandleCall,
    private readonly tls?: ServerTls,
  ) {
    super({ url: hostAndPort(at.host, at.port), package: '', protoPath: '' });
    this.transportId = TRANSPORT_ID.call;
    if (tls?.isMutual) this.peers = new Peers(tls, registry.service);
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
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      // Callers that reach the instances through one address, of a balancer of connections, get to
      // instances that were added.
      'grpc.max_connection_age_ms': milliseconds('5m'),
      'grpc.max_connection_age_grace_ms': milliseconds('1m'),
      interceptors: this.peers ? [this.peers.interceptor] : [],
    });
  }

  override async bindEvents(): Promise<void> {
    const contracts = this.registry.allCalls().map(({ contract }) => contract as Question);
    for (const contract of contracts) this.addMethod(contract);
    this.addStandardServices(contracts);
    this.port = await this.bind();
    this.state = 'consuming';
  }

  /**
   * Callers are told to go elsewhere. Does not wait for the answers under way: how long they may
   * take is the drain's to say.
   */
  async stop(): Promise<void> {
    this.state = 'stopped';
    this.healthService?.stop();
    this.reflection?.stop();
    const server = this.grpcClient as Server | undefined;
    this.answered ??= new Promise((resolve) =>
      server ? server.tryShutdown(() => resolve()) : resolve(),
    );
  }

  /** Calls under way are aborted, and cut off a second later. */
  override async close(): Promise<void> {
    await this.stop();
    this.underWay.abort();
    await Promise.race([
      this.answered,
      new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref()),
    ]);
    (this.grpcClient as Server | undefined)?.forceShutdown();
  }

  health(): ConsumerHealth {
    return { technology: 'grpc', kind: 'call', state: this.state };
  }

  private addMethod(contract: Question): void {
    const method = methodOf(contract);
    const server = this.grpcClient as Server;
    if (isStream(contract)) {
      const open = (call: Writable) => void this.stream(contract, method, call);
      return void server.register(method.path, open, asIs, asIs, 'serverStream');
    }
    const handle = (call: ServerUnaryCall<Buffer, Buffer>, respond: Respond) =>
      void this.respond(contract, method, call, respond);
    server.register(method.path, handle, asIs, asIs, 'unary');
  }

  private addStandardServices(contracts: readonly Question[]): void {
    const server = this.grpcClient as Server;
    const services = [...new Set(contracts.map((contract) => serviceOf(methodOf(contract))))];
    const file = describedFile(contracts);
    this.healthService = new HealthService(services);
    this.healthService.register(server);
    this.reflection = new ReflectionService(
      [...services, HEALTH_SERVICE],
      file === undefined ? [] : [file],
    );
    this.reflection.register(server);
  }

  private bind(): Promise<number> {
    return new Promise((resolve, reject) =>
      (this.grpcClient as Server).bindAsync(
        this.url,
        this.tls ? new TlsCredentials(this.tls) : ServerCredentials.createInsecure(),
        (error, port) => (error ? reject(portTakenError(this.at, error)) : resolve(port)),
      ),
    );
  }

  /** Begins a call or a stream; returns the fault of a request that cannot be read. */
  private begin(
    contract: Question,
    method: Method,
    call: ServerUnaryCall<Buffer, Buffer> | Writable,
  ): Begun | CallFault {
    const written = call.metadata.getMap();
    const twice = writtenTwice(written);
    if (twice !== undefined) return twiceFault(twice);
    const form = formOf(method, call.request);
    const body = bodyOf(contract, form, call.request);
    if ('code' in body) return body;
    const underWay = this.underWay.begin(contract, budgetOf(call));
    call.on('cancelled', () => underWay.callerGone());
    const incoming: IncomingCall = {
      contract: contract.name,
      headers: fromWireHeaders(written),
      body,
      deadline: underWay.deadline,
      signal: underWay.signal,
      caller: this.peers?.of(call).caller,
    };
    return { form, underWay, incoming };
  }

  private async respond(
    contract: Question,
    method: Method,
    call: ServerUnaryCall<Buffer, Buffer>,
    respond: Respond,
  ): Promise<void> {
    const origin = { owner: contract.owner, errors: method.errors };
    const begun = this.begin(contract, method, call);
    if ('code' in begun) return respond(errorOf(begun, origin));
    const { form, underWay, incoming } = begun;
    const answer = await this.answer(incoming);
    underWay.end();
    const reply = answer.ok ? replyOf(contract, form, answer.body) : answer.fault;
    if ('code' in reply) respond(errorOf(reply, origin));
    else respond(null, reply);
  }

  private async stream(contract: Question, method: Method, call: Writable): Promise<void> {
    const origin = { owner: contract.owner, errors: method.errors };
    const fail = (fault: CallFault) => void call.emit('error', errorOf(fault, origin));
    const begun = this.begin(contract, method, call);
    if ('code' in begun) return fail(begun);
    const { form, underWay, incoming } = begun;
    let refused: CallFault | undefined;
    const write = async (item: Buffer) => {
      const message = replyOf(contract, form, item);
      if ('code' in message || message.length > MAX_MESSAGE_BYTES) {
        refused = 'code' in message ? message : TOO_LARGE;
        throw new Error(refused.message);
      }
      if (!call.write(message)) await once(call, 'drain');
    };
    const answer = await this.answer({ ...incoming, write });
    underWay.end();
    if (answer.ok) call.end();
    else if (call.metadata.get(FAULT_BEHIND_ITEMS).length > 0)
      call.end(trailersOf(refused ?? answer.fault, origin));
    else fail(refused ?? answer.fault);
  }
}

/** A request that is being answered. */
interface Begun {
  readonly form: WireForm;
  readonly underWay: CallUnderWay;
  readonly incoming: IncomingCall;
}

/** `catalog.Catalog` */
const serviceOf = ({ path }: Method): string => path.split('/')[1]!;

const asIs = (bytes: Buffer): Buffer => bytes;

function bodyOf({ name }: Question, form: WireForm, message: Buffer): Buffer | CallFault {
  try {
    return form.decodeRequest(message);
  } catch (error) {
    const details = issuesOf(error);
    const [{ path, message: problem }] = details;
    return {
      code: 'invalid-request',
      message: `${name}: ${path || 'message'} ${problem}`,
      details,
    };
  }
}

function replyOf({ name }: Question, form: WireForm, body: Buffer): Buffer | CallFault {
  try {
    return form.encodeReply(body);
  } catch (error) {
    return { code: 'invalid-reply', message: `${name}: the reply: ${(error as Error).message}` };
  }
}

const TOO_LARGE: CallFault = {
  code: 'too-large',
  message: `an item has at most ${MAX_MESSAGE_BYTES} bytes`,
};

/** Milliseconds that the caller waits; undefined when a foreign one has set no deadline. */
function budgetOf(call: Pick<Writable, 'getDeadline'>): number | undefined {
  const at = Number(call.getDeadline());
  const timeOfDay = Date.now();
  return Number.isFinite(at) ? at - timeOfDay : undefined;
}
