import {
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type TransportContext,
  settledWithin,
} from '@parley/messaging/transport';
import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { Address } from './address';
import { DeadLetterConsumer } from './dead-letter-consumer';
import { Deliveries } from './delivery';
import { Lanes } from './lanes';
import type { CommandPublisher } from './publisher';
import { QueueConsumer } from './queue';
import { RabbitServer } from './consumer-server';
import { deadQueue, declare, delayQueues, laneQueues } from './topology';

/** Milliseconds after `stop` until running handlers are aborted, and then for them to end. */
const ENDED_WITHIN_MS = 10_000;
const NOTICED_WITHIN_MS = 1_000;
const REBALANCE_EVERY_MS = 2_000;

type Take = (message: ConsumeMessage, channel: Channel) => Promise<void>;

/**
 * Consumes an owner's queue, its lanes and the broker's dead letters, and acknowledges after the
 * pipeline's decision, on the channel that delivered the message.
 */
export class CommandConsumer extends RabbitServer {
  private deliveries?: Deliveries;
  private consumers?: {
    readonly queue: QueueConsumer;
    readonly lanes: Lanes;
    readonly dead?: DeadLetterConsumer;
  };
  private source?: Channel;
  private stoppedAt?: number;
  private cancelRebalance?: () => void;
  private changing = Promise.resolve();
  /**
   * Consumer tags by queue. Never reused: a quorum queue takes a repeated tag for a consumer that
   * has lost its messages.
   */
  private readonly tags = new Map<string, string>();
  private consumed = 0;

  constructor(
    address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly publisher: CommandPublisher,
    context: TransportContext,
  ) {
    super('command', address, registry, context);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    const [subscription] = this.registry.subscriptions('command');
    if (!subscription) return this.consumingNothing(started);
    this.deliveries = new Deliveries(subscription, this.publisher, this.context, this.deliver);
    this.consumers = this.consumersOf(this.deliveries);
    subscription.onConcurrency?.(
      () =>
        (this.changing = this.changing
          .then(() => this.prefetchAnew())
          .catch((error: Error) => this.recover(error))),
    );
    return this.begin(started);
  }

  /**
   * Number of lanes that deliver messages to this instance now; an even share when several
   * instances are busy.
   */
  get activeLanes(): number {
    return this.consumers?.lanes.active ?? 0;
  }

  async backlog(): Promise<readonly Backlog[]> {
    const owner = this.deliveries?.owner;
    const connection = this.manager?.connection as ChannelModel | undefined;
    if (!owner || !connection) return [];
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    const count = async (queues: string[]) =>
      (await Promise.all(queues.map((queue) => channel.checkQueue(queue)))).reduce(
        (sum, { messageCount }) => sum + messageCount,
        0,
      );
    const [waiting, delayed, dead] = await Promise.all([
      count([owner, ...laneQueues(owner)]),
      count(delayQueues(owner)),
      count([deadQueue(owner)]),
    ]);
    await channel.close();
    return [{ subscription: owner, waiting, parked: 0, delayed, dead }];
  }

  private consumingNothing(started: () => void): void {
    this.consuming();
    this.reason = 'no command is handled here';
    started();
  }

  private consumersOf(deliveries: Deliveries) {
    const broken = (error: Error) => this.recover(error);
    const store = this.context.store;
    return {
      queue: new QueueConsumer(deliveries),
      lanes: new Lanes(deliveries, broken),
      dead: store && new DeadLetterConsumer(deliveries, store),
    };
  }

  protected override async consumeFrom(
    connection: ChannelModel,
    channel: ConfirmChannel,
  ): Promise<void> {
    const { owner } = this.deliveries!;
    const { lanes, dead } = this.consumers!;
    await declare(connection, owner, this.address, this.context.topology);
    this.deliveries!.connected();
    this.source = channel;
    await this.consumeQueue(channel);
    if (dead)
      await this.consume(channel, deadQueue(owner), 1, (message) => dead.take(message, channel));
    await lanes.open(connection);
    if (this.stopping) return;
    this.consuming();
    this.rebalanceLater(connection, channel);
  }

  private consumeQueue(channel: Channel): Promise<void> {
    const { owner, subscription } = this.deliveries!;
    return this.consume(channel, owner, subscription.concurrency, (message) =>
      this.consumers!.queue.take(message, channel),
    );
  }

  /**
   * Applies a new prefetch: it counts only for later consumers, so the owner's queue gets a new
   * consumer. Messages of the old one stay.
   */
  private async prefetchAnew(): Promise<void> {
    const channel = this.source;
    if (!channel || this.stopping) return;
    await channel.cancel(this.tags.get(this.deliveries!.owner)!);
    if (this.source === channel) await this.consumeQueue(channel);
  }

  private async consume(
    channel: Channel,
    queue: string,
    prefetch: number,
    take: Take,
  ): Promise<void> {
    await channel.prefetch(prefetch);
    // The consumer is sent before `stop` begins, so that `stop` cancels it, or not at all.
    if (this.stopping) return;
    // RabbitMQ cancels a consumer, with null instead of a message, when its queue was deleted.
    const onMessage = (message: ConsumeMessage | null) =>
      void (message
        ? take(message, channel)
        : this.recover(new Error(`the queue ${queue} was deleted`)));
    const consumerTag = `${this.context.instance}:${queue}:${++this.consumed}`;
    this.tags.set(queue, consumerTag);
    await channel.consume(queue, onMessage, { consumerTag });
  }

  protected override async stopNow(): Promise<void> {
    this.stoppedAt = performance.now();
    const { queue, lanes, dead } = this.consumers ?? {};
    this.cancelRebalance?.();
    queue?.stop();
    void lanes?.stop();
    const owner = this.deliveries?.owner;
    const channel = this.source;
    if (!channel || !owner) return;
    const cancel = (name: string) => channel.cancel(this.tags.get(name)!);
    // A closed channel delivers nothing either.
    await Promise.allSettled([cancel(owner), ...(dead ? [cancel(deadQueue(owner))] : [])]);
  }

  protected override async drained(): Promise<void> {
    const left = Math.max(0, this.stoppedAt! + ENDED_WITHIN_MS - performance.now());
    await this.ended(left);
    this.deliveries?.abandon('the drain ran out of time');
    await this.ended(NOTICED_WITHIN_MS);
  }

  protected override lost(): void {
    this.source = undefined;
    this.deliveries?.abandon('the connection to RabbitMQ was lost');
  }

  private async ended(bound: number): Promise<void> {
    const all = Promise.all([
      this.deliveries?.underway.ended(),
      this.consumers?.queue.ended(),
      this.consumers?.lanes.stop(),
    ]);
    await settledWithin(bound, all);
  }

  private rebalanceLater(connection: ChannelModel, channel: Channel): void {
    this.cancelRebalance?.();
    this.cancelRebalance = this.context.clock.after(
      REBALANCE_EVERY_MS,
      () => void this.rebalance(connection, channel).catch(() => undefined),
    );
  }

  /**
   * Shares the lanes. The number of instances is the number of consumers of the owner's own queue.
   */
  private async rebalance(connection: ChannelModel, channel: Channel): Promise<void> {
    const wanted = () => !this.stopping && this.source === channel;
    if (!wanted()) return;
    const { consumerCount } = await channel.checkQueue(this.deliveries!.owner);
    await this.consumers!.lanes.share(consumerCount, connection);
    this.rebalanceLater(connection, channel);
  }
}
