import {
  type Deliver,
  type SubscriptionRegistry,
  BroadcastConsumer,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { type Address, MqttUnavailableError } from './address';
import { read } from './cloudevents';
import { Connection } from './connection';
import { filterOf } from './topic';

const STOPPED_WITHIN_MS = 1_000;
/**
 * MQTT 5: retained messages are not sent when the subscription begins. A broadcast is for
 * subscribers that are connected when it is sent.
 */
const NOTHING_RETAINED = 2;
const LEAST_FAILURE = 128;
/** Characters told of a topic: its last levels are the sender's to choose. */
const TOPIC_TOLD = 200;

/**
 * Hears broadcasts. Not on Nest's server: it subscribes before it is connected, does not look
 * whether that was granted, and expects its own framing; nothing of it would be left.
 */
export class MqttBroadcastConsumer extends ConsumerServer<'broadcast'> {
  private readonly connection: Connection;
  private hearing?: BroadcastConsumer;
  private subscription?: RegisteredSubscription;
  private started = false;
  private stopping?: Promise<void>;

  constructor(
    private readonly address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly context: TransportContext,
  ) {
    super('broadcast', registry);
    this.connection = new Connection(address, `${context.instance}-hears`, context.log, {
      opened: (client) => this.subscribe(client),
    });
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.hearing?.close();
    await this.connection.close();
  }

  health(): ConsumerHealth {
    const state = this.stopping
      ? 'stopped'
      : !this.started
        ? 'starting'
        : this.connection.ready
          ? 'consuming'
          : 'disconnected';
    const { cause } = this.connection;
    const reason =
      state === 'disconnected'
        ? new MqttUnavailableError(this.address, cause ?? 'the connection was lost').message
        : undefined;
    return { technology: 'mqtt', kind: 'broadcast', state, ...(reason && { reason }) };
  }

  protected async start(): Promise<void> {
    [this.subscription] = this.registry.subscriptions('broadcast');
    this.hearing = new BroadcastConsumer(this.subscription!, this.deliver, this.context.log);
    await this.connection.start();
    this.started = true;
  }

  private get filters(): string[] {
    return [...this.subscription!.handlers.keys()].map(filterOf);
  }

  private async subscribe(client: MqttClient): Promise<void> {
    if (this.stopping) return;
    client.removeAllListeners('message');
    client.on('message', (topic, payload, packet) => this.received(topic, payload, packet));
    const granted = await client.subscribeAsync(this.filters, { qos: 1, rh: NOTHING_RETAINED });
    const refused = granted.find(({ qos }) => qos >= LEAST_FAILURE);
    if (refused)
      throw new Error(
        `does not offer ${refused.topic} to the user "${this.address.user}"; let it subscribe there`,
      );
  }

  private received(topic: string, payload: Buffer, { properties }: IPublishPacket): void {
    const received = read(payload, properties);
    if (Object.keys(received.headers).length > 0) this.hearing!.receive(received);
    else
      this.context.log(
        'warn',
        `${topic.slice(0, TOPIC_TOLD)}: an unreadable message came, and is ignored`,
      );
  }

  private async stopNow(): Promise<void> {
    this.hearing?.stop();
    const { client, ready } = this.connection;
    if (!client || !ready || !this.subscription) return;
    await withTimeout(
      STOPPED_WITHIN_MS,
      client.unsubscribeAsync(this.filters),
      () => new Error('no answer'),
    ).catch(() => undefined);
  }
}
