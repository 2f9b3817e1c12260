import type { SQSClient } from '@aws-sdk/client-sqs';
import { openedWhenUp } from '@parley/aws';
import {
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  ConsumerServer,
  KeyedExecutor,
  type TransportContext,
  settledWithin,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Address } from './address';
import { DeadLetterConsumer } from './dead-letter-consumer';
import type { CommandPublisher } from './publisher';
import { LaneConsumer, type Place, type QueueConsumer, StandardConsumer } from './queue';
import type { QueueUrls, Topology } from './topology';

/**
 * Milliseconds from `stop` until the signal of the work under way is aborted, and then until its
 * end.
 */
const ENDED_WITHIN_MS = 10_000;
const NOTICED_WITHIN_MS = 1_000;

/** Consumes an owner's queues, and the messages that SQS gave up on. */
export class CommandConsumer extends ConsumerServer {
  private state: ConsumerHealth['state'] = 'starting';
  private consumers: readonly QueueConsumer[] = [];
  private dead?: DeadLetterConsumer;
  private urls?: QueueUrls;
  private stoppedAt = 0;
  private stopping?: Promise<void>;

  constructor(
    private readonly client: SQSClient,
    private readonly address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly publisher: CommandPublisher,
    private readonly topology: Topology,
    private readonly context: TransportContext,
  ) {
    super('command', registry);
  }

  health(): ConsumerHealth {
    const problem = this.consumers.find((consumer) => consumer.problem)?.problem;
    const state = this.state === 'consuming' && problem ? 'disconnected' : this.state;
    return {
      technology: 'sqs',
      kind: 'command',
      state,
      ...(state === 'disconnected' && { reason: `SQS at ${this.address}: ${problem}` }),
    };
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.ended(Math.max(0, this.stoppedAt + ENDED_WITHIN_MS - performance.now()));
    for (const consumer of this.consumers) consumer.abandon('the drain ran out of time');
    await this.ended(NOTICED_WITHIN_MS);
  }

  async backlog(): Promise<readonly Backlog[]> {
    if (!this.urls) return [];
    const { commands, lanes, dead, deadLanes } = this.urls;
    const [one, two, three, four] = await Promise.all(
      [commands, lanes, dead, deadLanes].map((url) => this.topology.attributesOf(url)),
    );
    const sum = (name: string, ...all: (Readonly<Record<string, string>> | undefined)[]) =>
      all.reduce((total, found) => total + Number(found?.[name] ?? 0), 0);
    const waiting = sum('ApproximateNumberOfMessages', one, two);
    const [delayed, gone] = [
      sum('ApproximateNumberOfMessagesDelayed', one, two),
      sum('ApproximateNumberOfMessages', three, four),
    ];
    return [{ subscription: this.subscription.name, waiting, parked: 0, delayed, dead: gone }];
  }

  protected async start(): Promise<void> {
    this.urls = await openedWhenUp(
      this.address,
      this.context,
      () => this.stopping !== undefined,
      () => this.topology.of(this.subscription.name),
    );
    const place = this.place();
    this.consumers = [
      new StandardConsumer(this.urls.commands, place),
      new LaneConsumer(this.urls.lanes, place),
    ];
    for (const consumer of this.consumers) consumer.start();
    this.drainTheDead(this.urls);
    this.state = 'consuming';
  }

  private get subscription(): RegisteredSubscription {
    return this.registry.subscriptions('command')[0]!;
  }

  private place(): Place {
    const { client, address, subscription, deliver, publisher, context, topology } = this;
    const lanes = new KeyedExecutor(subscription, () => this.roomMade());
    const declareAnew = async () => {
      topology.forget(subscription.name);
      await topology.of(subscription.name);
    };
    return { client, address, subscription, deliver, publisher, context, lanes, declareAnew };
  }

  private roomMade(): void {
    for (const consumer of this.consumers) consumer.roomMade();
  }

  private drainTheDead({ dead, deadLanes }: QueueUrls): void {
    const { client, context, subscription } = this;
    if (!context.store) return;
    this.dead = new DeadLetterConsumer(
      client,
      [dead, deadLanes],
      subscription.name,
      context.store,
      context,
    );
    this.dead.start();
  }

  private async stopNow(): Promise<void> {
    this.stoppedAt = performance.now();
    this.state = 'stopped';
    await Promise.all([...this.consumers.map((consumer) => consumer.stop()), this.dead?.stop()]);
  }

  private async ended(bound: number): Promise<void> {
    const all = Promise.all(this.consumers.map((consumer) => consumer.ended()));
    await settledWithin(bound, all);
  }
}
