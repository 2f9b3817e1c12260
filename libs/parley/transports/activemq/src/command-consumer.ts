import {
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  settledWithin,
} from '@parley/messaging/transport';
import type { Connection } from 'rhea';
import { type Address, startFailure } from './address';
import { Commands } from './commands';
import { QueueReceiver, type QueueReceiverOptions } from './queue-receiver';
import { AmqpConnection } from './amqp-connection';
import { Management } from './management';
import type { Publisher } from './publisher';
import { deadQueue, declare, LANES, laneQueues } from './topology';

/**
 * Milliseconds from `stop` until the signal of the work under way is aborted, and then until its
 * end.
 */
const ENDED_WITHIN_MS = 10_000;
const NOTICED_WITHIN_MS = 1_000;
const REBALANCE_EVERY_MS = 2_000;
/** Messages of a lane held ahead: a lane has one consumer, so no other instance waits for them. */
const LANE_AHEAD = 20;

/**
 * Consumes an owner's queue, its lanes and the messages that the broker gave up on; accepts after
 * the pipeline's decision.
 */
export class CommandConsumer extends ConsumerServer<'command'> {
  private readonly line: AmqpConnection;
  private state: ConsumerHealth['state'] = 'starting';
  private reason?: string;
  private commands?: Commands;
  private inlets: readonly QueueReceiver[] = [];
  private lanes: readonly QueueReceiver[] = [];
  private management?: Management;
  private stoppedAt = 0;
  private stopping?: Promise<void>;
  private cancelRebalance = () => {};

  constructor(
    private readonly address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly publisher: Publisher,
    private readonly context: TransportContext,
  ) {
    super('command', registry);
    const opened = (connection: Connection) => this.consume(connection);
    this.line = new AmqpConnection(address, `${context.instance}-commands`, {
      log: context.log,
      opened,
      lost: (why) => this.lost(why),
    });
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.ended(Math.max(0, this.stoppedAt + ENDED_WITHIN_MS - performance.now()));
    this.commands?.abandon('the drain ran out of time');
    await this.ended(NOTICED_WITHIN_MS);
    await this.line.close();
  }

  health(): ConsumerHealth {
    return {
      technology: 'activemq',
      kind: 'command',
      state: this.state,
      ...(this.reason && { reason: this.reason }),
    };
  }

  /**
   * Lanes that bring messages to this instance now; an even share when several instances are busy.
   */
  get activeLanes(): number {
    return this.lanes.filter(({ active }) => active).length;
  }

  async backlog(): Promise<readonly Backlog[]> {
    const { owner } = this.commands ?? {};
    if (!owner || !this.line.current) return [];
    const queues = new Map(
      (await this.management!.queues(owner)).map((queue) => [queue.name, queue]),
    );
    const sum = (
      names: readonly string[],
      count: 'messageCount' | 'scheduledCount' | 'deliveringCount',
    ) => names.reduce((total, name) => total + Number(queues.get(name)?.[count] ?? 0), 0);
    const live = [owner, ...laneQueues(owner)];
    const delayed = sum(live, 'scheduledCount');
    const waiting = sum(live, 'messageCount') - delayed - sum(live, 'deliveringCount');
    return [
      {
        subscription: owner,
        waiting: Math.max(0, waiting),
        parked: 0,
        delayed,
        dead: sum([deadQueue(owner)], 'messageCount'),
      },
    ];
  }

  protected async start(): Promise<void> {
    const [subscription] = this.registry.subscriptions('command');
    this.commands = new Commands(subscription!, this.publisher, this.context, this.deliver);
    this.inlets = this.inletsOf(this.commands, () => subscription!.concurrency);
    subscription!.onConcurrency?.(() => this.inlets.forEach((inlet) => inlet.replenish()));
    try {
      await this.line.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private inletsOf(commands: Commands, concurrency: () => number): readonly QueueReceiver[] {
    const { owner } = commands;
    const { store } = this.context;
    const broken = (error: Error) => this.recover(error);
    const inlet = (options: Omit<QueueReceiverOptions, 'broken'>) =>
      new QueueReceiver({ ...options, broken });
    const ahead = () => Math.max(LANE_AHEAD, concurrency());
    const lane = (queue: string) =>
      inlet({
        queue,
        most: ahead,
        isUnordered: false,
        take: (arrival) => commands.takeKeyed(arrival),
        takeOver: () => commands.takeOver(queue),
        handBack: () => commands.handBack(queue),
      });
    this.lanes = laneQueues(owner).map(lane);
    const own = inlet({
      queue: owner,
      most: concurrency,
      isUnordered: true,
      take: (arrival) => commands.takeLoose(arrival),
    });
    if (!store) return [own, ...this.lanes];
    const dead = inlet({
      queue: deadQueue(owner),
      most: () => 1,
      isUnordered: true,
      take: (arrival) => commands.takeDead(arrival, store),
    });
    return [own, ...this.lanes, dead];
  }

  private async consume(connection: Connection): Promise<void> {
    const { owner } = this.commands!;
    this.management = new Management(connection);
    await declare(this.management, owner, this.address, this.context.topology);
    this.commands!.connected();
    await Promise.all(this.inlets.map((inlet) => inlet.attach(connection)));
    if (this.stopping) return;
    this.state = 'consuming';
    this.reason = undefined;
    this.rebalanceLater(connection);
  }

  private async stopNow(): Promise<void> {
    this.stoppedAt = performance.now();
    this.state = 'stopped';
    this.reason = undefined;
    this.cancelRebalance();
    for (const inlet of this.inlets) void inlet.stop();
  }

  private async ended(bound: number): Promise<void> {
    const all = Promise.all(this.inlets.map((inlet) => inlet.stop()));
    await settledWithin(bound, all);
  }

  private lost(why: Error): void {
    for (const inlet of this.inlets) inlet.lost();
    this.commands?.abandon('the connection to ActiveMQ was lost');
    this.cancelRebalance();
    if (this.stopping || this.state === 'starting') return;
    this.state = 'disconnected';
    this.reason = startFailure(this.address, why).message;
  }

  /**
   * The broker took a link away, a deleted queue's for instance: everything is looked at and opened
   * anew.
   */
  private recover(error: Error): void {
    const { current } = this.line;
    if (this.stopping || !current) return;
    this.context.log(
      'warn',
      `ActiveMQ at ${this.address} stopped a consumer: ${error.message}; connecting anew`,
    );
    this.line.renew(current);
  }

  private rebalanceLater(connection: Connection): void {
    this.cancelRebalance();
    this.cancelRebalance = this.context.clock.after(
      REBALANCE_EVERY_MS,
      () => void this.rebalance(connection).catch(() => undefined),
    );
  }

  /**
   * The broker serves the consumer of a lane that has waited longest. An instance with more than an
   * even share detaches from the surplus and queues up again. The consumers of the owner's own
   * queue tell the number of instances.
   */
  private async rebalance(connection: Connection): Promise<void> {
    const isWanted = () => !this.stopping && this.line.current === connection;
    if (!isWanted()) return;
    const own = (await this.management!.queues(this.commands!.owner)).find(
      ({ name }) => name === this.commands!.owner,
    );
    const share = Math.ceil(LANES / Math.max(1, Number(own?.consumerCount)));
    const surplus = this.lanes.filter(({ active }) => active).slice(share);
    for (const lane of isWanted() ? surplus : []) await lane.detach();
    for (const lane of isWanted() ? surplus : []) await lane.attach(connection);
    if (isWanted()) this.rebalanceLater(connection);
  }
}
