import { bugIn, type TransportContext, untilUp, withTimeout } from '@parley/messaging/transport';
import { randomUUID } from 'node:crypto';
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { type Address, MqttUnavailableError, notYet } from './address';

const OPENED_WITHIN_MS = 5_000;
const AGAIN_AFTER_MS = 1_000;
const ANSWERED_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 1_000;
/**
 * Seconds after which a silent connection is asked whether it is there; after half as much again it
 * counts as lost.
 */
const SILENCE_SECONDS = 10;

export interface ConnectionEvents {
  /**
   * Called for every new connection, before it counts as there. When it rejects, the connection is
   * given up and another one opened.
   */
  readonly opened?: (client: MqttClient) => Promise<void>;
  readonly will?: IClientOptions['will'];
}

/** A client that comes back after every lost connection, for ever. */
export class Connection {
  client?: MqttClient;
  /** Why it is not there. */
  cause?: Error;
  /** Bytes of the largest packet that the broker takes, as it said itself. */
  largest = Infinity;
  private isReady = false;
  private closed = false;
  private waiting: Array<() => void> = [];

  constructor(
    private readonly address: Address,
    private readonly name: string,
    private readonly log: TransportContext['log'],
    private readonly on: ConnectionEvents = {},
  ) {}

  /**
   * Waits for a broker that is coming up. Rejects within 15 s, with one sentence, when there is no
   * connection to be had; then nothing more is tried.
   */
  async start(): Promise<void> {
    try {
      await untilUp({
        broker: `the MQTT broker at ${this.address}`,
        attempt: () => this.open(),
        notYet,
        log: this.log,
        isGivenUp: () => this.closed,
      });
    } catch (error) {
      await this.close();
      throw bugIn(error) ?? new MqttUnavailableError(this.address, error);
    }
  }

  get ready(): boolean {
    return this.isReady;
  }

  /** Waits for the connection, and for the broker's answer; 10 s in all. */
  async use<T>(work: (client: MqttClient) => Promise<T>, late: () => Error): Promise<T> {
    const working = (async () => {
      if (!this.isReady) await new Promise<void>((resolve) => this.waiting.push(resolve));
      return work(this.client!);
    })();
    return withTimeout(ANSWERED_WITHIN_MS, working, late);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.hangUp();
  }

  private async open(): Promise<void> {
    this.cause = undefined;
    const client = (this.client = connect(this.options));
    const first = new Promise<void>((resolve, reject) => {
      // With a cause it is told at once: later attempts are for connections that were there once.
      client.once('close', () =>
        reject(this.cause ?? new Error('the connection was closed at once')),
      );
      this.waiting.push(resolve);
    });
    client.on('error', (error) => (this.cause = error));
    client.on('connect', (packet) => void this.opened(client, packet));
    client.on('close', () => (this.isReady = false));
    await first.catch(async (error: unknown) => {
      await this.hangUp();
      throw error;
    });
  }

  private async hangUp(): Promise<void> {
    const { client } = this;
    if (!client) return;
    this.isReady = false;
    await withTimeout(
      CLOSED_WITHIN_MS,
      client.endAsync(!client.connected),
      () => new Error('no answer'),
    ).catch(() => client.end(true));
  }

  private async opened(client: MqttClient, packet: IConnackPacket): Promise<void> {
    try {
      refuseLess(packet, this.address);
      this.largest = packet.properties?.maximumPacketSize ?? Infinity;
      await this.on.opened?.(client);
    } catch (error) {
      this.cause = error as Error;
      client.stream.destroy();
      return;
    }
    if (!client.connected) return;
    this.cause = undefined;
    this.isReady = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private get options(): IClientOptions {
    return {
      ...this.address.connection,
      protocolVersion: 5,
      clientId: `${this.name}-${randomUUID().slice(0, 8)}`,
      clean: true,
      keepalive: SILENCE_SECONDS,
      connectTimeout: OPENED_WITHIN_MS,
      reconnectPeriod: AGAIN_AFTER_MS,
      reconnectOnConnackError: true,
      resubscribe: false,
      // News that cannot be said now are not said late.
      queueQoSZero: false,
      will: this.on.will,
    };
  }
}

/** Refuses a broker that says it lacks a feature that the URL asks for. */
function refuseLess({ properties = {} }: IConnackPacket, { retain }: Address): void {
  if ((properties.maximumQoS ?? 2) < 1)
    throw new Error('does not offer QoS 1, which broadcasts need; use another broker');
  if (retain && properties.retainAvailable === false)
    throw new Error('does not offer retained messages; take retain=true out of the URL');
}
