import {
  AuthorizationError,
  connect,
  type NatsConnection,
  NoRespondersError,
} from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { bugIn, withTimeout } from '@parley/messaging/transport';
import type { Address } from './address';

const CONNECTED_WITHIN_MS = 10_000;
/** A request to JetStream's own interface. */
const ANSWERED_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 1_000;
const DEFAULT_MAX_PAYLOAD_BYTES = 1_048_576;
const RECONNECT_AFTER_MS = 500;
/** A server that is silent for two of these is taken for gone. */
const PING_EVERY_MS = 3_000;

/** A connection to NATS and its JetStream; once open, it comes back by itself, for ever. */
export class Connection {
  private opened?: {
    readonly nats: NatsConnection;
    readonly streams: JetStreamClient;
    readonly admin: JetStreamManager;
  };
  private up = false;
  private readonly lossListeners = new Set<() => void>();

  constructor(
    private readonly address: Address,
    private readonly name: string,
  ) {}

  /** @throws NatsUnavailableError */
  async open(): Promise<void> {
    let nats: NatsConnection | undefined;
    try {
      nats = await connect({
        ...this.address.connection,
        name: this.name,
        timeout: CONNECTED_WITHIN_MS,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_AFTER_MS,
        pingInterval: PING_EVERY_MS,
      });
      const timeout = { timeout: ANSWERED_WITHIN_MS };
      const admin = await jetstreamManager(nats, timeout);
      this.opened = { nats, streams: jetstream(nats, timeout), admin };
      this.up = true;
      void this.watch(nats);
    } catch (error) {
      await nats?.close();
      throw startFailure(this.address, error);
    }
  }

  /** False before it is open, and from the loss of the connection until it is back. */
  get isUp(): boolean {
    return this.up;
  }

  /** Calls the listener each time the connection is lost. @returns removes it */
  onLoss(listener: () => void): () => void {
    this.lossListeners.add(listener);
    return () => void this.lossListeners.delete(listener);
  }

  get nats(): NatsConnection {
    return this.parts.nats;
  }

  /** Publishes to streams and reads from them. */
  get streams(): JetStreamClient {
    return this.parts.streams;
  }

  /** Makes and checks streams and their consumers. */
  get admin(): JetStreamManager {
    return this.parts.admin;
  }

  /** Bytes of the largest payload that the server takes; NATS's default before it is known. */
  get maxPayloadBytes(): number {
    return this.opened?.nats.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES;
  }

  /** Sends what is still buffered, then closes; a silent server is left after a second. */
  async close(): Promise<void> {
    if (!this.opened) return;
    const { nats } = this.opened;
    const drained = this.up ? nats.drain() : Promise.resolve();
    await withTimeout(CLOSED_WITHIN_MS, drained, () => new Error('no answer')).catch(
      () => undefined,
    );
    this.up = false;
    await nats.close();
  }

  private get parts() {
    if (!this.opened) throw new TypeError('connect() was not awaited');
    return this.opened;
  }

  private loses(): void {
    this.up = false;
    for (const listener of [...this.lossListeners]) listener();
  }

  private async watch(nats: NatsConnection): Promise<void> {
    for await (const { type } of nats.status()) {
      if (type === 'disconnect') this.loses();
      if (type === 'reconnect') this.up = true;
    }
  }
}

/** NATS could not be used at start. Once started, the connection comes back by itself. */
export class NatsUnavailableError extends Error {
  override readonly name = 'NatsUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`NATS at ${address} ${explain(cause)}`, { cause });
  }
}

/** A stream is missing, or has other settings than this version declares. */
export class TopologyMismatchError extends Error {
  override readonly name = 'TopologyMismatchError';
  constructor(address: Address, stream: string, why: string) {
    super(`NATS at ${address}: the stream ${stream} ${why}`);
  }
}

/** An error of the start, as one sentence. */
export function startFailure(address: Address, error: unknown): Error {
  if (error instanceof NatsUnavailableError || error instanceof TopologyMismatchError) return error;
  return bugIn(error) ?? new NatsUnavailableError(address, error);
}

function explain(cause: unknown): string {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof AuthorizationError)
    return `refuses the user or token (${why}); correct the URL`;
  if (/jetstream.*not enabled/i.test(why) || cause instanceof NoRespondersError)
    return 'has no JetStream; start it with --jetstream, or enable it for this account';
  return `cannot be reached (${why}); is it running, and does its URL point to it?`;
}
