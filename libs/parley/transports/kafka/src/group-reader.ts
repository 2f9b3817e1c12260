import { randomUUID } from 'node:crypto';
import {
  type Backlog,
  bugDetails,
  Checkpoints,
  type ConcurrencyLimit,
  type Deliver,
  deliverFromLog,
  deliverUntilSettled,
  FirstOfKeys,
  IN_PLACE,
  KeyedExecutor,
  PartTakeover,
  readerName,
  type TransportContext,
  type RegisteredSubscription,
  settledWithin,
  untilUp,
} from '@parley/messaging/transport';
import type { Address } from './address';
import type { AssignedPartition } from './assigned-partition';
import { typeOf, unpack } from './cloudevents';
import {
  type Batch,
  type GroupConsumer,
  type GroupListener,
  type Incoming,
  type KafkaClient,
  ClusterNotReadyError,
  type Position,
} from './client';
import { notYet } from './coming-up';
import { GroupGeneration } from './group-generation';
import { ownersOf, topicOf, type Topics } from './topology';

const COMMIT_AFTER_MS = 200;
/**
 * Milliseconds until a position is committed that only passed messages without a handler here:
 * reading them again is cheap.
 */
const COMMIT_SKIPPED_AFTER_MS = 2_000;
const REVIVED_AFTER_MS = 1_000;
/**
 * Milliseconds that reading a partition waits for room before the partition is paused, so that
 * others need not wait for it.
 */
const ROOM_WITHIN_MS = 100;
/**
 * Milliseconds for running handlers to end before partitions are given back, and then for aborted
 * ones. Less than a session.
 */
const FINISHED_WITHIN_MS = 4_000;
const GIVEN_UP_WITHIN_MS = 500;
const COMMITTED_WITHIN_MS = 2_000;
const CLOSED_WITHIN_MS = 3_000;

export interface ReaderPlace {
  readonly address: Address;
  readonly client: KafkaClient;
  readonly topics: Topics;
  readonly deliver: Deliver;
  readonly context: TransportContext;
}

/**
 * Reads one subscription as a member of its group: the assigned partitions, their lanes and their
 * positions.
 */
export class GroupReader implements GroupListener {
  readonly topics: readonly string[];
  private readonly durable: boolean;
  private readonly id: string;
  private readonly takeover: PartTakeover;
  /**
   * Concurrency of the lanes of each generation; only those of the present one are notified when it
   * changes.
   */
  private readonly bound: ConcurrencyLimit;
  private membership?: GroupGeneration;
  private consumer?: GroupConsumer;
  private readonly commits: Checkpoints;
  private stopping = false;
  private joined = false;
  private trouble?: string;
  private quitting?: Promise<void>;
  private cancelRevival = (): void => undefined;

  constructor(
    readonly subscription: RegisteredSubscription,
    private readonly place: ReaderPlace,
  ) {
    const { kind, name, live, handlers } = subscription;
    this.durable = kind !== 'broadcast' && !live;
    const { clock, instance } = place.context;
    this.takeover = new PartTakeover(name, readerName(instance), place.context);
    this.commits = new Checkpoints(clock, () => this.commitNow());
    this.id = this.durable
      ? name
      : `${name}.${live ? 'live' : 'broadcasts'}.${instance}.${randomUUID().slice(0, 8)}`;
    this.topics = ownersOf([...handlers.values()].map(({ contract }) => contract)).map((owner) =>
      topicOf(kind, owner),
    );
    this.bound = {
      get concurrency() {
        return subscription.concurrency;
      },
    };
    subscription.onConcurrency?.(() => this.membership?.lanes.changed());
  }

  /** Why the subscription is not read; undefined while it is. */
  get problem(): string | undefined {
    if (this.trouble) return this.trouble;
    return this.joined && !this.consumer?.connected ? `there is no connection to Kafka` : undefined;
  }

  /** Joins the group, and waits for a cluster that is just starting. */
  start(): Promise<void> {
    return untilUp({
      broker: `Kafka at ${this.place.address}`,
      attempt: () => this.join(),
      notYet: (error) =>
        notYet(error) ?? (error instanceof ClusterNotReadyError ? error.message : undefined),
      log: this.place.context.log,
      isGivenUp: () => this.stopping,
    });
  }

  private async join(): Promise<void> {
    const { kind, handlers, from } = this.subscription;
    for (const owner of ownersOf([...handlers.values()].map(({ contract }) => contract)))
      await this.place.topics.ensure(kind, owner);
    if (this.stopping) throw new Error('it was stopped meanwhile');
    const group = {
      id: this.id,
      topics: this.topics,
      from: this.durable ? from : 'now',
      durable: this.durable,
    } as const;
    const consumer = this.place.client.consumer(group, this);
    this.consumer = consumer;
    try {
      await consumer.start();
    } catch (error) {
      void settledWithin(CLOSED_WITHIN_MS, consumer.close());
      throw error;
    }
    this.trouble = undefined;
  }

  /**
   * Starts no further message, and leaves the group as soon as no handler runs: other members
   * handle the messages that were not started.
   */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.membership?.leave();
    void (this.membership?.lanes.idle() ?? Promise.resolve()).then(() => this.quit());
  }

  /** Aborts running handlers and leaves the group, even if they do not end. */
  async close(why: string): Promise<void> {
    this.stop();
    this.membership?.abandon(why);
    await settledWithin(GIVEN_UP_WITHIN_MS, this.membership?.lanes.idle() ?? Promise.resolve());
    await this.quit();
  }

  async backlog(): Promise<Backlog | undefined> {
    if (!this.durable) return undefined;
    const waiting = await this.place.topics.ask((admin) => admin.lag(this.id, this.topics));
    return { subscription: this.subscription.name, waiting, parked: 0, delayed: 0, dead: 0 };
  }

  assigned(): void {
    this.joined = true;
    // A reader of one instance alone keeps its generation: its partitions do not move.
    if (!this.durable && this.membership && !this.membership.leaving) return;
    this.membership = new GroupGeneration(new KeyedExecutor(this.bound));
    if (this.stopping) this.membership.leave();
  }

  async revoked(): Promise<void> {
    const { membership } = this;
    if (!membership || !this.durable) return;
    membership.leave();
    const finished = await settledWithin(FINISHED_WITHIN_MS, membership.lanes.idle());
    if (!finished) {
      membership.abandon(`${this.subscription.name}: the group shares its partitions anew`);
      await settledWithin(GIVEN_UP_WITHIN_MS, membership.lanes.idle());
    }
    await settledWithin(
      COMMITTED_WITHIN_MS,
      this.commits.now().then(() => this.handBack(membership)),
    );
    membership.over = true;
    membership.abandon(`${this.subscription.name}: the partition belongs to another instance now`);
  }

  async fetched({ topic, partition, messages, next }: Batch): Promise<void> {
    const { membership } = this;
    if (!membership || membership.leaving) return;
    const assigned = membership.partitionOf(topic, partition, messages[0]?.offset ?? next);
    if (messages.length > 0) assigned.suspects ??= new FirstOfKeys(await this.isOrphaned(assigned));
    if (membership.leaving) return;
    for (const message of messages)
      if (this.wants(message)) this.enqueue(membership, assigned, message);
    assigned.next = next;
    this.commitWithin(COMMIT_SKIPPED_AFTER_MS);
    await assigned.room(ROOM_WITHIN_MS);
    if (!assigned.full || membership.leaving) return;
    assigned.paused = true;
    this.consumer!.pause(topic, partition);
  }

  missed(topic: string, partition: number): void {
    this.place.context.log(
      'error',
      `${this.subscription.name}: messages of ${topic}, partition ${partition}, were deleted before they were handled; it goes on with the earliest that is left`,
    );
  }

  crashed(error: Error): void {
    this.trouble = `the consumer of ${this.id} ended: ${error.message}`;
    if (this.stopping) return;
    this.place.context.log('warn', `${this.trouble}; it is made anew`, bugDetails(error));
    if (this.durable) {
      this.membership?.abandon(this.trouble);
      this.membership = undefined;
    }
    this.reviveSoon();
  }

  private reviveSoon(): void {
    this.cancelRevival = this.place.context.clock.after(REVIVED_AFTER_MS, () => void this.revive());
  }

  private async revive(): Promise<void> {
    if (this.stopping) return;
    void settledWithin(CLOSED_WITHIN_MS, this.consumer?.close() ?? Promise.resolve());
    for (const topic of this.topics) this.place.topics.forget(topic);
    try {
      await this.join();
    } catch (error) {
      this.trouble = `the consumer of ${this.id} does not come back: ${(error as Error).message}`;
      if (!this.stopping) this.reviveSoon();
    }
  }

  /**
   * True when the subscription takes the message: the topic has other contracts of the owner, too.
   * Unreadable messages go to every durable subscription, to be dead-lettered.
   */
  private wants(message: Incoming): boolean {
    const { kind, handlers } = this.subscription;
    if (kind === 'command') return true;
    const type = typeOf(message) ?? unpack(message).headers.type;
    if (type === undefined) return this.durable;
    return handlers.has(type);
  }

  /** Only a durable subscription's messages can be lost by the end of a process. */
  private async isOrphaned({ name }: AssignedPartition): Promise<boolean> {
    return this.durable && (await this.takeover.take(name));
  }

  /**
   * Records that this member stored its positions: the next reader of these partitions need not
   * suspect their first messages.
   */
  private async handBack(membership: GroupGeneration | undefined): Promise<void> {
    if (this.durable) await this.takeover.handBack([...(membership?.partitions.keys() ?? [])]);
  }

  private enqueue(
    membership: GroupGeneration,
    partition: AssignedPartition,
    message: Incoming,
  ): void {
    const { offset, value } = message;
    const { headers, body } = unpack(message);
    const key = headers.partitionkey;
    const lane = key === undefined ? `${partition.name}/${offset}` : `${partition.topic} ${key}`;
    const suspect = partition.suspects?.take(lane) ?? false;
    partition.begin(offset, value?.length ?? 0);
    membership.lanes.add(lane, async () => {
      if (membership.leaving) return;
      if (await this.handle(membership, { headers, body }, suspect))
        this.finish(membership, partition, offset);
    });
  }

  /** Returns false when the generation ends first. */
  private handle(
    membership: GroupGeneration,
    message: ReturnType<typeof unpack>,
    suspect: boolean,
  ): Promise<boolean> {
    const attempt = () =>
      deliverFromLog('Kafka', this.place, {
        subscription: this.subscription,
        ...message,
        attempt: 1,
        suspect,
        signal: membership.signal,
        supports: IN_PLACE,
      });
    return deliverUntilSettled(this.place.context.clock, attempt, () => !membership.leaving);
  }

  private finish(membership: GroupGeneration, partition: AssignedPartition, offset: number): void {
    partition.finish(offset);
    this.commitWithin(COMMIT_AFTER_MS);
    if (!partition.paused || membership.leaving || !partition.hasRoom) return;
    partition.paused = false;
    this.consumer!.resume(partition.topic, partition.partition);
  }

  private commitWithin(milliseconds: number): void {
    if (this.durable) this.commits.within(milliseconds);
  }

  /**
   * Commits the positions that moved. Never rejects: handled messages are in the inbox, and the next
   * commit includes these positions.
   */
  private async commitNow(): Promise<void> {
    const { membership, consumer } = this;
    if (!membership || !consumer || !this.durable || membership.over) return;
    const moved = [...membership.partitions.values()].filter(({ hasMoved }) => hasMoved);
    if (moved.length === 0) return;
    const positions: Position[] = moved.map(({ topic, partition, finished }) => ({
      topic,
      partition,
      offset: finished,
    }));
    try {
      await consumer.commit(positions);
      moved.forEach((partition, at) => (partition.stored = positions[at]!.offset));
    } catch (error) {
      this.place.context.log(
        'debug',
        `${this.subscription.name}: the positions were not stored: ${(error as Error).message}`,
      );
      if (!this.stopping) this.commitWithin(COMMIT_SKIPPED_AFTER_MS);
    }
  }

  private quit(): Promise<void> {
    return (this.quitting ??= this.quitNow());
  }

  private async quitNow(): Promise<void> {
    this.commits.cancel();
    this.cancelRevival();
    await settledWithin(
      CLOSED_WITHIN_MS,
      this.commits.now().then(() => this.handBack(this.membership)),
    );
    this.membership?.abandon(`${this.subscription.name}: the instance stops`);
    await settledWithin(CLOSED_WITHIN_MS, this.consumer?.close() ?? Promise.resolve());
    if (!this.durable)
      await settledWithin(
        CLOSED_WITHIN_MS,
        this.place.topics.ask((admin) => admin.forgetGroup(this.id)),
      );
  }
}
