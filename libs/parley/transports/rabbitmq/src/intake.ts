import { type MessageHandler, ServerRMQ } from '@nestjs/microservices';
import {
  type Backlog,
  type Deliver,
  type HandlerExtras,
  type HandlerRegistry,
  type Intake,
  type IntakeHealth,
  TRANSPORT_ID,
  type TransportContext,
} from '@parley/messaging';
import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { type Address, RabbitUnavailable, startFailure } from './address';
import { reconnect, within } from './bound';
import { DeadConsumer } from './dead';
import { Deliveries } from './delivery';
import { Lanes } from './lanes';
import { CONNECTION, type CommandPublisher } from './publisher';
import { QueueConsumer } from './queue';
import { deadQueue, declare, delayQueues, laneQueues } from './topology';

const STARTED_WITHIN = 15_000;
/** From `stop` on, what is under way has this long before its signal is aborted, and then this long to notice. */
const ENDED_WITHIN = 10_000;
const NOTICED_WITHIN = 1_000;
const CLOSED_WITHIN = 3_000;
const RECONNECT_AFTER = 1_000;
const REBALANCE_EVERY = 2_000;

type Take = (message: ConsumeMessage, channel: Channel) => Promise<void>;

/**
 * Nest's server, made to lose nothing: it consumes an owner's queue, its lanes and what the broker gave up on, and
 * acknowledges after the pipeline's decision, on the channel that brought the message.
 */
export class CommandIntake extends ServerRMQ implements Intake {
  override transportId = TRANSPORT_ID.command as never;
  private state: IntakeHealth['state'] = 'starting';
  private reason?: string;
  private deliveries?: Deliveries;
  private consumers?: { readonly queue: QueueConsumer; readonly lanes: Lanes; readonly dead?: DeadConsumer };
  private consuming?: Channel;
  private stoppedAt?: number;
  private stopping?: Promise<void>;
  private cancelRebalance?: () => void;
  private changing = Promise.resolve();
  /** By queue. Never the same twice: a quorum queue takes a tag that comes again for a consumer that has lost what it held. */
  private readonly tags = new Map<string, string>();
  private consumed = 0;
  private failStart?: (error: unknown) => void;

  constructor(
    private readonly address: Address,
    private readonly registry: HandlerRegistry,
    private readonly deliver: Deliver,
    private readonly publisher: CommandPublisher,
    private readonly context: TransportContext,
  ) {
    super({ urls: [address.secret], noAck: false, socketOptions: CONNECTION, maxConnectionAttempts: 1 });
  }

  override addHandler(_pattern: unknown, run: MessageHandler, _isEvent?: boolean, extras?: unknown): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    const [subscription] = this.registry.subscriptions('command');
    if (!subscription) return this.consumingNothing(started);
    this.deliveries = new Deliveries(subscription, this.publisher, this.context, this.deliver);
    this.consumers = this.consumersOf(this.deliveries);
    subscription.onConcurrency?.(() => (this.changing = this.changing.then(() => this.prefetchAnew()).catch((error: Error) => this.recover(error))));
    const late = () => new RabbitUnavailable(this.address, new Error(`no answer within ${STARTED_WITHIN / 1_000} s`));
    try {
      await within(STARTED_WITHIN, this.consumingBegins(), late);
    } catch (error) {
      await this.close();
      return started(startFailure(this.address, error));
    }
    started();
  }

  /** Called for every new connection, with a channel of it. A failure here would otherwise end as an unhandled rejection. */
  override async setupChannel(channel: ConfirmChannel, begun: () => void): Promise<void> {
    if (this.stopping) return;
    const connection = this.manager.connection as ChannelModel;
    try {
      await this.consumeFrom(connection, channel);
      begun();
    } catch (error) {
      this.consumingFailed(error, connection);
    }
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  override async close(): Promise<void> {
    await this.stop();
    const left = Math.max(0, this.stoppedAt! + ENDED_WITHIN - Date.now());
    await this.ended(left);
    this.deliveries?.abandon('the drain ran out of time');
    await this.ended(NOTICED_WITHIN);
    await within(CLOSED_WITHIN, super.close(), () => new Error('not closed in time')).catch((error: Error) => {
      this.context.log('warn', `RabbitMQ at ${this.address}: the consuming connection did not close well: ${error.message}`);
    });
  }

  health(): IntakeHealth {
    return { technology: 'rabbitmq', kind: 'command', state: this.state, ...(this.reason && { reason: this.reason }) };
  }

  /** Lanes that bring messages to this instance now; an even share when several instances are busy. */
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
      (await Promise.all(queues.map((queue) => channel.checkQueue(queue)))).reduce((sum, { messageCount }) => sum + messageCount, 0);
    const [waiting, delayed, dead] = await Promise.all([count([owner, ...laneQueues(owner)]), count(delayQueues(owner)), count([deadQueue(owner)])]);
    await channel.close();
    return [{ subscription: owner, waiting, parked: 0, delayed, dead }];
  }

  private consumingNothing(started: () => void): void {
    this.state = 'consuming';
    this.reason = 'no command is handled here';
    started();
  }

  private consumersOf(deliveries: Deliveries) {
    const broken = (error: Error) => this.recover(error);
    const store = this.context.store;
    return { queue: new QueueConsumer(deliveries), lanes: new Lanes(deliveries, broken), dead: store && new DeadConsumer(deliveries, store) };
  }

  private consumingBegins(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.failStart = reject;
      this.start((error) => (error ? reject(error) : resolve())).catch(reject);
      this.on('disconnect', ({ err } = {} as never) => this.disconnected(err));
    });
  }

  private async consumeFrom(connection: ChannelModel, channel: ConfirmChannel): Promise<void> {
    const { owner } = this.deliveries!;
    const { lanes, dead } = this.consumers!;
    channel.on('error', (error) => this.recover(error));
    await declare(connection, owner, this.address, this.context.topology);
    this.deliveries!.connected();
    this.consuming = channel;
    await this.consumeQueue(channel);
    if (dead) await this.consume(channel, deadQueue(owner), 1, (message) => dead.take(message, channel));
    await lanes.open(connection);
    if (this.stopping) return;
    this.state = 'consuming';
    this.reason = undefined;
    this.rebalanceLater(connection, channel);
  }

  private consumeQueue(channel: Channel): Promise<void> {
    const { owner, subscription } = this.deliveries!;
    return this.consume(channel, owner, subscription.concurrency, (message) => this.consumers!.queue.take(message, channel));
  }

  /** A prefetch counts for the consumers that follow: so the owner's queue gets another one. What the old one brought stays. */
  private async prefetchAnew(): Promise<void> {
    const channel = this.consuming;
    if (!channel || this.stopping) return;
    await channel.cancel(this.tags.get(this.deliveries!.owner)!);
    if (this.consuming === channel) await this.consumeQueue(channel);
  }

  private async consume(channel: Channel, queue: string, prefetch: number, take: Take): Promise<void> {
    await channel.prefetch(prefetch);
    // Sent before `stop` began, or not at all: then `stop` cancels it.
    if (this.stopping) return;
    // RabbitMQ cancels a consumer, with null instead of a message, when its queue was deleted.
    const onMessage = (message: ConsumeMessage | null) =>
      void (message ? take(message, channel) : this.recover(new Error(`the queue ${queue} was deleted`)));
    const consumerTag = `${this.context.instance}:${queue}:${++this.consumed}`;
    this.tags.set(queue, consumerTag);
    await channel.consume(queue, onMessage, { consumerTag });
  }

  private async stopNow(): Promise<void> {
    this.stoppedAt = Date.now();
    this.state = 'stopped';
    this.reason = undefined;
    const { queue, lanes, dead } = this.consumers ?? {};
    this.cancelRebalance?.();
    queue?.stop();
    void lanes?.stop();
    const owner = this.deliveries?.owner;
    if (!this.consuming || !owner) return;
    const cancel = (name: string) => this.consuming!.cancel(this.tags.get(name)!);
    // A channel that is closed already brings nothing either.
    await Promise.allSettled([cancel(owner), ...(dead ? [cancel(deadQueue(owner))] : [])]);
  }

  private async ended(bound: number): Promise<void> {
    const all = Promise.all([this.deliveries?.underway.ended(), this.consumers?.queue.ended(), this.consumers?.lanes.stop()]);
    await within(bound, all, () => new Error('still under way')).catch(() => undefined);
  }

  private disconnected(error?: Error): void {
    this.consuming = undefined;
    this.deliveries?.abandon('the connection to RabbitMQ was lost');
    if (this.stopping) return;
    this.state = 'disconnected';
    this.reason ??= `the connection to RabbitMQ at ${this.address} was lost${error ? `: ${error.message}` : ''}`;
  }

  private consumingFailed(error: unknown, connection: ChannelModel): void {
    const failure = startFailure(this.address, error);
    if (this.state === 'starting') return this.failStart?.(failure);
    this.reason = failure.message;
    this.context.log('error', failure.message);
    this.context.clock.after(RECONNECT_AFTER, () => this.reconnectFrom(connection));
  }

  /** A closed channel stays closed as long as its connection lives; so the connection has to go. */
  private recover(error: Error): void {
    if (this.stopping || this.state !== 'consuming') return;
    this.reason = `RabbitMQ at ${this.address} stopped a consumer: ${error.message}`;
    this.context.log('warn', `${this.reason}; connecting anew`);
    this.reconnectFrom(this.manager.connection as ChannelModel);
  }

  private reconnectFrom(connection: ChannelModel): void {
    if (this.stopping || this.manager.connection !== (connection as unknown)) return;
    reconnect(this.manager);
  }

  private rebalanceLater(connection: ChannelModel, channel: Channel): void {
    this.cancelRebalance?.();
    this.cancelRebalance = this.context.clock.after(REBALANCE_EVERY, () => void this.rebalance(connection, channel).catch(() => undefined));
  }

  /** As many instances are there as consume the owner's own queue. */
  private async rebalance(connection: ChannelModel, channel: Channel): Promise<void> {
    const wanted = () => !this.stopping && this.consuming === channel;
    if (!wanted()) return;
    const { consumerCount } = await channel.checkQueue(this.deliveries!.owner);
    await this.consumers!.lanes.share(consumerCount, connection);
    this.rebalanceLater(connection, channel);
  }

  private get manager(): AmqpConnectionManager {
    return this.server as AmqpConnectionManager;
  }
}
