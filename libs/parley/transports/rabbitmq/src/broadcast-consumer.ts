import {
  type Deliver,
  type SubscriptionRegistry,
  BroadcastConsumer,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Address } from './address';
import { headersOf } from './cloudevents';
import { exchangeOf, exchanges, OWN_QUEUE } from './broadcast-exchange';
import { RabbitServer } from './consumer-server';

const STOPPED_WITHIN_MS = 1_000;
const CONSUMER = 'hears';

/** Receives the broadcasts of its contracts' exchanges. */
export class RabbitBroadcastConsumer extends RabbitServer {
  private subscription?: RegisteredSubscription;
  private hearing?: BroadcastConsumer;
  private source?: ConfirmChannel;

  constructor(
    address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    context: TransportContext,
  ) {
    super('broadcast', address, registry, context);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    [this.subscription] = this.registry.subscriptions('broadcast');
    if (!this.subscription) return started();
    this.hearing = new BroadcastConsumer(this.subscription, this.deliver, this.context.log);
    return this.begin(started);
  }

  protected override async consumeFrom(
    connection: ChannelModel,
    channel: ConfirmChannel,
  ): Promise<void> {
    const names = [...this.subscription!.handlers.keys()].map(exchangeOf);
    await exchanges(connection, names, this.address, this.context.topology);
    const { queue } = await channel.assertQueue('', OWN_QUEUE);
    await Promise.all(names.map((name) => channel.bindQueue(queue, name, '')));
    if (this.stopping) return;
    this.source = channel;
    await channel.consume(queue, (message) => this.received(message), {
      noAck: true,
      consumerTag: CONSUMER,
    });
    if (!this.stopping) this.consuming();
  }

  /** RabbitMQ cancels a consumer, with null instead of a message, when its queue was deleted. */
  private received(message: ConsumeMessage | null): void {
    if (message) this.hearing!.receive({ headers: headersOf(message), body: message.content });
    else this.recover(new Error('its queue was deleted'));
  }

  protected override async stopNow(): Promise<void> {
    this.hearing?.stop();
    // A closed channel delivers nothing either.
    if (this.source)
      await withTimeout(
        STOPPED_WITHIN_MS,
        this.source.cancel(CONSUMER),
        () => new Error('no answer'),
      ).catch(() => undefined);
  }

  protected override async drained(): Promise<void> {
    await this.hearing?.close();
  }

  protected override lost(): void {
    this.source = undefined;
  }
}
