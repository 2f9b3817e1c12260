import {
  Client,
  connectivityState,
  type Metadata,
  credentials,
  status,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { isIPv4, isIPv6 } from 'node:net';
import type { Question } from '@parley/contract';
import { InvalidMessageError, OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import {
  addressOf,
  type CallConnection,
  type CallFault,
  type CallResult,
  type ClientTls,
  type InstanceAddress,
  ItemReader,
  type Items,
  notReached,
  type OutgoingCall,
  UNTRUSTED,
} from '@parley/messaging/transport';
import { type Deadline, DeadlineExceededError } from '@parley/resilience';
import { issuesOf, MAX_MESSAGE_BYTES, methodOf, type WireForm } from './codec';
import { FAULT_BEHIND_ITEMS, faultIn, faultOf, isFromOlderServer } from './fault';
import { metadataOf } from './headers';

const CHANNEL: ChannelOptions = {
  // A service's name is resolved and its instances are chosen by @parley/messaging.
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ pick_first: {} }] }),
  'grpc.service_config_disable_resolution': 1,
  // A connection that failed is replaced, together with its pause.
  'grpc.use_local_subchannel_pool': 1,
  // A host that vanished without a word is noticed while calls wait for it. The answer has longer
  // than a process may be too busy for it: a lost connection loses the replies of all its calls.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.enable_http_proxy': 0,
};

/**
 * Milliseconds of the longest deadline on the wire, 24.8 days: grpc-js's server counts them in 32
 * bits, and a longer one has passed already for it. A longer call is ended after as long.
 */
const LONGEST_DEADLINE_MS = 2_147_483_000;

/** @param budget milliseconds that are left */
const deadlineOnTheWire = ({ at }: Deadline, budget: number): number =>
  at - Math.max(0, budget - LONGEST_DEADLINE_MS);

/** A client with the requests that it has under way. */
interface Line {
  readonly client: Client;
  /** Of the files for TLS that it connects with. */
  readonly version?: number;
  inFlight: number;
  isLeft: boolean;
}

/** A gRPC channel to one instance. */
export class GrpcConnection implements CallConnection {
  private line?: Line;
  /** The instance is of an older version: it reads JSON, and knows no protobuf. */
  private speaksJsonOnly = false;

  constructor(
    private readonly instance: InstanceAddress,
    private readonly tls?: ClientTls,
  ) {}

  call(request: OutgoingCall): Promise<CallResult> {
    const { contract, headers, body, deadline, signal } = request;
    const budget = deadline.budget();
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (budget === 0) throw new DeadlineExceededError(contract.name, 0);
      const { path, form } = methodOf(contract);
      const message = this.speaksJsonOnly ? body : encoded(contract, form, body);
      const line = this.connected();
      const { client } = line;
      const call = client.makeUnaryRequest(
        path,
        asIs,
        asIs,
        message,
        metadataOf(headers),
        { deadline: deadlineOnTheWire(deadline, budget) },
        (error, reply) => {
          signal?.removeEventListener('abort', cancel);
          ended(line);
          if (!error) return resolve(decoded(form, reply!));
          if (signal?.aborted) return reject(signal.reason);
          if (error.code === status.DEADLINE_EXCEEDED)
            return reject(new DeadlineExceededError(contract.name, budget));
          const fault = faultOf(error);
          if (message !== body && isFromOlderServer(error, fault)) {
            this.speaksJsonOnly = true;
            return resolve(this.call(request));
          }
          if (fault && fault.code !== UNTRUSTED) return resolve({ ok: false, fault });
          reject(this.failure(contract, error, fault, wasSent(call, client) ? undefined : line));
        },
      );
      line.inFlight++;
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  stream(request: OutgoingCall): Items {
    const { contract, headers, body, deadline } = request;
    const budget = deadline.budget();
    if (budget === 0) throw new DeadlineExceededError(contract.name, 0);
    const { path, form } = methodOf(contract);
    const message = encoded(contract, form, body);
    const metadata = metadataOf(headers);
    metadata.set(FAULT_BEHIND_ITEMS, '1');
    const line = this.connected();
    const call = line.client.makeServerStreamRequest(path, asIs, asIs, message, metadata, {
      deadline: deadlineOnTheWire(deadline, budget),
    });
    line.inFlight++;
    const items = new ItemReader(request, {
      resume: () => call.resume(),
      cancel: () => call.cancel(),
    });
    void items.ended.then(() => ended(line));
    let error: ServiceError | undefined;
    let trailers: Metadata | undefined;
    call.on('data', (reply: Buffer) => {
      const item = decoded(form, reply);
      if (!item.ok) {
        items.end(item.fault);
        call.cancel();
      } else if (!items.push(item.body)) call.pause();
    });
    call.on('error', (failed: ServiceError) => (error = failed));
    call.on('status', (ended) => (trailers = ended.metadata));
    // After an error, too: what arrived before is read first.
    call.on('end', () => {
      if (!error) return items.end(faultIn(trailers));
      if (error.code === status.DEADLINE_EXCEEDED)
        return items.fail(new DeadlineExceededError(contract.name, budget));
      const fault = faultOf(error);
      if (fault && fault.code !== UNTRUSTED) return items.end(fault);
      items.fail(
        this.failure(contract, error, fault, wasSent(call, line.client) ? undefined : line),
      );
    });
    return items;
  }

  /** @param unsent the line by which the request could not be sent */
  private failure(
    contract: Question,
    { details }: ServiceError,
    untrusted: CallFault | undefined,
    unsent: Line | undefined,
  ): Error {
    if (untrusted) return OwnerUnavailableError.untrusted(contract, untrusted.message);
    if (!unsent) return new ReplyLostError(contract, details);
    this.replace(unsent);
    return notReached(contract, details);
  }

  async close(): Promise<void> {
    this.line?.client.close();
    this.line = undefined;
  }

  private connected(): Line {
    const version = this.tls?.version;
    if (this.line && this.line.version !== version) this.leave(this.line);
    return (this.line ??= { client: this.open(), version, inFlight: 0, isLeft: false });
  }

  private open(): Client {
    const target = targetOf(this.instance);
    if (!this.tls) return new Client(target, credentials.createInsecure(), CHANNEL);
    const { secureContext, servername, checkServerIdentity } = this.tls.options();
    return new Client(
      target,
      credentials.createFromSecureContext(secureContext, { checkServerIdentity }),
      { ...CHANNEL, 'grpc.ssl_target_name_override': servername },
    );
  }

  /**
   * grpc-js waits before it connects again and fails requests meanwhile, though the instance may be
   * back: the next request gets a client that has not failed.
   */
  private replace(line: Line): void {
    const state = line.client.getChannel().getConnectivityState(false);
    if (line === this.line && state === connectivityState.TRANSIENT_FAILURE) this.leave(line);
  }

  /** The next request gets another client; this one is closed when its replies have arrived. */
  private leave(line: Line): void {
    this.line = undefined;
    line.isLeft = true;
    if (line.inFlight === 0) line.client.close();
  }
}

function ended(line: Line): void {
  line.inFlight--;
  if (line.isLeft && line.inFlight === 0) line.client.close();
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** @throws InvalidMessageError naming the field */
function encoded(contract: Question, form: WireForm, body: Buffer): Buffer {
  try {
    return form.encodeRequest(body);
  } catch (error) {
    throw new InvalidMessageError(contract.name, issuesOf(error));
  }
}

function decoded(form: WireForm, reply: Buffer): CallResult {
  try {
    return { ok: true, body: form.decodeReply(reply) };
  } catch (error) {
    const message = `the reply cannot be read: ${(error as Error).message}`;
    return { ok: false, fault: { code: 'invalid-reply', message } };
  }
}

/**
 * UNAVAILABLE alone does not tell "could not connect" from "connection lost while waiting". But a
 * call knows its peer once it was put on a connection; before, and when it was refused and not put
 * on another, it names the channel's target.
 */
const wasSent = (call: ClientUnaryCall | ClientReadableStream<Buffer>, client: Client): boolean =>
  call.getPeer() !== client.getChannel().getTarget();

function targetOf(instance: InstanceAddress): string {
  const { host } = instance;
  const resolver = isIPv4(host) ? 'ipv4:' : isIPv6(host) ? 'ipv6:' : 'dns:///';
  return resolver + addressOf(instance);
}
