import {
  Client,
  credentials,
  status,
  type ChannelOptions,
  type ClientUnaryCall,
} from '@grpc/grpc-js';
import { contractsLoaded } from '@parley/contract';
import { ReplyLostError, OwnerUnavailableError } from '@parley/messaging';
import type {
  CallResult,
  HandleCall,
  CallTransportOptions,
  CallServer,
  CallTransport,
  HandlerRegistry,
  OutgoingCall,
  TransportContext,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceeded } from '@parley/resilience';
import { MESSAGE_LIMIT, methodOf } from './codec';
import { faultOf } from './fault';
import { metadataOf } from './headers';
import { GrpcCallServer } from './server';
import { targetOf } from './target';

const CHANNEL: ChannelOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  // An instance that comes back is used again within this.
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.dns_min_time_between_resolutions_ms': 2_000,
  // A host that vanished without a word is noticed while calls wait for it.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.max_receive_message_length': MESSAGE_LIMIT,
  'grpc.max_send_message_length': MESSAGE_LIMIT,
  'grpc.enable_http_proxy': 0,
};

/** How long a call that was certainly not sent waits for an instance before it gives up. */
const PATIENCE = 250;

/** Asks by gRPC: a channel per owner, made when it is first asked. */
export class GrpcCallTransport implements CallTransport {
  readonly technology = 'grpc';
  private readonly clients = new Map<string, Client>();

  constructor(
    private readonly options: CallTransportOptions,
    private readonly context: TransportContext,
  ) {
    // Of every owner that could be asked: now, not when it is.
    for (const { kind, owner } of contractsLoaded())
      if (kind === 'call') targetOf(options.urlOf(owner));
  }

  async call(request: OutgoingCall): Promise<CallResult> {
    const client = this.clientOf(request.contract.owner);
    try {
      return await ask(client, request);
    } catch (error) {
      if (!(error instanceof OwnerUnavailableError) || !(await connected(client, request)))
        throw error;
      return ask(client, request);
    }
  }

  server(registry: HandlerRegistry, answer: HandleCall): CallServer {
    const { listen } = this.options;
    if (!listen)
      throw new Error(
        `${this.context.service} handles calls, but was given no port to answer them at`,
      );
    return new GrpcCallServer(listen, registry, answer);
  }

  async close(): Promise<void> {
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  private clientOf(owner: string): Client {
    let client = this.clients.get(owner);
    if (!client) {
      client = new Client(
        targetOf(this.options.urlOf(owner)),
        credentials.createInsecure(),
        CHANNEL,
      );
      this.clients.set(owner, client);
    }
    return client;
  }
}

function ask(client: Client, request: OutgoingCall): Promise<CallResult> {
  const { contract, headers, body, deadline, signal } = request;
  const budget = deadline.budget();
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    if (budget === 0) throw new DeadlineExceeded(contract.name, 0);
    const { path, encode, decode } = methodOf(contract);
    const call = client.makeUnaryRequest(
      path,
      encode,
      decode,
      body,
      metadataOf(headers),
      { deadline: deadline.at },
      (error, reply) => {
        signal?.removeEventListener('abort', cancel);
        if (!error) return resolve({ ok: true, body: reply! });
        if (signal?.aborted) return reject(signal.reason);
        if (error.code === status.DEADLINE_EXCEEDED)
          return reject(new DeadlineExceeded(contract.name, budget));
        const fault = faultOf(error);
        if (fault) return resolve({ ok: false, fault });
        reject(
          wasSent(call, client)
            ? new ReplyLostError(contract, error.details)
            : new OwnerUnavailableError(contract, error.details),
        );
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/**
 * UNAVAILABLE alone does not tell "could not connect" from "connection lost while waiting". But a
 * call knows its peer once it was put on a connection; before, and when it was refused and not put
 * on another, it names the channel's target.
 */
const wasSent = (call: ClientUnaryCall, client: Client): boolean =>
  call.getPeer() !== client.getChannel().getTarget();

/**
 * True when an instance can be reached soon: grpc-js fails at once while it waits to reconnect,
 * though the owner may be back already.
 */
function connected(client: Client, { deadline, signal }: OutgoingCall): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  const patience = Deadline.within(PATIENCE, deadline).at;
  return new Promise((resolve) => client.waitForReady(patience, (error) => resolve(!error)));
}
