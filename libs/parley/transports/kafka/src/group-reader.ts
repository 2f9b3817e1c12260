import { setMaxListeners } from 'node:events';
import { randomUUID } from 'node:crypto';
import {
  type Backlog,
  bugDetails,
  type ConcurrencyLimit,
  type Deliver,
  FirstOfKeys,
  KeyedExecutor,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { typeOf, unpack } from './cloudevents';
import { settledWithin } from './bound';
import {
  type Batch,
  type GroupConsumer,
  type GroupListener,
  type Incoming,
  type KafkaClient,
  ClusterNotReadyError,
  type Position,
} from './client';
import { OffsetTracker } from './offset-tracker';
import { ownersOf, topicOf, type Topics } from './topology';

const COMMIT_AFTER = 200;
/**
 * Milliseconds until a position is committed that only passed messages without a handler here:
 * reading them again is cheap.
 */
const COMMIT_SKIPPED_AFTER = 2_000;
const AGAIN_AFTER = 1_000;
const REVIVED_AFTER = 1_000;
const JOINED_AGAIN_AFTER = 300;
/**
 * Milliseconds that reading a partition waits for room before the partition is paused, so that
 * others need not wait for it.
 */
const ROOM_WITHIN = 100;
/**
 * Milliseconds for running handlers to end before partitions are given back, and then for aborted
 * ones. Less than a session.
 */
const FINISHED_WITHIN = 4_000;
const GIVEN_UP_WITHIN = 500;
const COMMITTED_WITHIN = 2_000;
const CLOSED_WITHIN = 3_000;
const HONOURS = { retry: false, dead: false } as const;

export interface ReaderPlace {
  readonly client: KafkaClient;
  readonly topics: Topics;
  readonly deliver: Deliver;
  readonly context: TransportContext;
}

/**
 * One generation of the group, from a join to the next: the assigned partitions and their
 * unfinished messages.
 */
class GroupGeneration {
  readonly partitions = new Map<string, OffsetTracker>();
  private readonly end = new AbortController();
  /** No further message may be started. */
  leaving = false;
  /** Its positions may not be committed any more: other members own the partitions. */
  over = false;

  constructor(readonly lanes: KeyedExecutor) {
    setMaxListeners(0, this.end.signal);
  }

  get signal(): AbortSignal {
    return this.end.signal;
  }

  leave(): void {
    this.leaving = true;
    this.lanes.clear();
  }

  abandon(why: string): void {
    this.leave();
    this.end.abort(new Error(why));
  }
}

/**
 * Reads one subscription as a member of its group: the assigned partitions, their lanes and their
 * progress.
 */
export class GroupReader implements GroupListener {
  readonly topics: readonly string[];
  private readonly durable: boolean;
  private readonly id: string;
  /** The instance and a random part: a restarted instance must differ from its predecessor. */
  private readonly member: string;
  /**
   * Concurrency of the lanes of each generation; only those of the present one are notified when it
   * changes.
   */
  private readonly bound: ConcurrencyLimit;
  private membership?: GroupGeneration;
  private consumer?: GroupConsumer;
  private committing = Promise.resolve();
  private readonly timers = new Map<number, () => void>();
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
    this.member = `${place.context.instance}/${randomUUID().slice(0, 8)}`;
    this.id = this.durable
      ? name
      : `${name}.${live ? 'live' : 'broadcasts'}.${place.context.instance}.${randomUUID().slice(0, 8)}`;
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

  /** Joins the group, and waits for a cluster that is just starting; callers set the time limit. */
  async start(): Promise<void> {
    for (;;) {
      try {
        return await this.join();
      } catch (error) {
        if (!(error instanceof ClusterNotReadyError) || this.stopping) throw error;
        this.trouble = error.message;
        await new Promise<void>((resolve) =>
          this.place.context.clock.after(JOINED_AGAIN_AFTER, resolve),
        );
      }
    }
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
      void settledWithin(CLOSED_WITHIN, consumer.close());
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
    await settledWithin(GIVEN_UP_WITHIN, this.membership?.lanes.idle() ?? Promise.resolve());
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
    const finished = await settledWithin(FINISHED_WITHIN, membership.lanes.idle());
    if (!finished) {
      membership.abandon(`${this.subscription.name}: the group shares its partitions anew`);
      await settledWithin(GIVEN_UP_WITHIN, membership.lanes.idle());
    }
    await settledWithin(
      COMMITTED_WITHIN,
      this.commit().then(() => this.handBack(membership)),
    );
    membership.over = true;
    membership.abandon(`${this.subscription.name}: the partition belongs to another instance now`);
  }

  async fetched({ topic, partition, messages, next }: Batch): Promise<void> {
    const { membership } = this;
    if (!membership || membership.leaving) return;
    const progress = this.progressOf(membership, topic, partition, messages[0]?.offset ?? next);
    if (messages.length > 0) progress.suspects ??= new FirstOfKeys(await this.isOrphaned(progress));
    if (membership.leaving) return;
    for (const message of messages)
      if (this.wants(message)) this.enqueue(membership, progress, message);
    progress.next = next;
    this.commitWithin(COMMIT_SKIPPED_AFTER);
    await progress.room(ROOM_WITHIN);
    if (!progress.full || membership.leaving) return;
    progress.paused = true;
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
    this.cancelRevival = this.place.context.clock.after(REVIVED_AFTER, () => void this.revive());
  }

  private async revive(): Promise<void> {
    if (this.stopping) return;
    void settledWithin(CLOSED_WITHIN, this.consumer?.close() ?? Promise.resolve());
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

  /**
   * True when the partition's former reader may have died of a message. True, too, when the store
   * cannot be asked.
   */
  private async isOrphaned({ topic, partition }: OffsetTracker): Promise<boolean> {
    const { store } = this.place.context;
    if (!this.durable) return false;
    return (
      store?.suspects
        ?.take(this.subscription.name, `${topic}/${partition}`, this.member)
        .catch(() => true) ?? false
    );
  }

  /**
   * Records that this member stored its positions: the next reader of these partitions need not
   * suspect their first messages.
   */
  private async handBack(membership: GroupGeneration | undefined): Promise<void> {
    const parts = [...(membership?.partitions.keys() ?? [])];
    if (parts.length === 0 || !this.durable) return;
    await this.place.context.store?.suspects
      ?.handBack(this.subscription.name, parts, this.member)
      .catch(() => undefined);
  }

  private progressOf(
    membership: GroupGeneration,
    topic: string,
    partition: number,
    from: number,
  ): OffsetTracker {
    const name = `${topic}/${partition}`;
    const known = membership.partitions.get(name);
    if (known) return known;
    const progress = new OffsetTracker(topic, partition, from);
    membership.partitions.set(name, progress);
    return progress;
  }

  private enqueue(membership: GroupGeneration, progress: OffsetTracker, message: Incoming): void {
    const { offset, value } = message;
    const { headers, body } = unpack(message);
    const key = headers.partitionkey;
    const lane =
      key === undefined
        ? `${progress.topic}/${progress.partition}/${offset}`
        : `${progress.topic} ${key}`;
    const suspect = progress.suspects?.take(lane) ?? false;
    progress.begin(offset, value?.length ?? 0);
    membership.lanes.add(lane, async () => {
      if (membership.leaving) return;
      if (await this.handle(membership, { headers, body }, suspect))
        this.finish(membership, progress, offset);
    });
  }

  /**
   * Delivers a message until it is settled; its lane waits meanwhile. Returns false when the
   * generation ends first.
   */
  private async handle(
    membership: GroupGeneration,
    message: ReturnType<typeof unpack>,
    suspect: boolean,
  ): Promise<boolean> {
    for (;;) {
      const outcome = await this.place.deliver({
        subscription: this.subscription,
        ...message,
        attempt: 1,
        suspect,
        signal: membership.signal,
        supports: HONOURS,
      });
      if (outcome.kind === 'done' || (outcome.kind === 'dead' && !this.durable)) return true;
      if (outcome.kind !== 'return') this.refuse(outcome.kind, message.headers.type);
      if (membership.leaving) return false;
      await new Promise<void>((resolve) => this.place.context.clock.after(AGAIN_AFTER, resolve));
      if (membership.leaving) return false;
    }
  }

  private refuse(outcome: string, type = 'a message'): void {
    this.place.context.log(
      'error',
      `${this.subscription.name}: ${type} came back as "${outcome}", which Kafka does not honour; it is delivered again`,
    );
  }

  private finish(membership: GroupGeneration, progress: OffsetTracker, offset: number): void {
    progress.finish(offset);
    this.commitWithin(COMMIT_AFTER);
    if (!progress.paused || membership.leaving || !progress.hasRoom) return;
    progress.paused = false;
    this.consumer!.resume(progress.topic, progress.partition);
  }

  private commitWithin(milliseconds: number): void {
    if (!this.durable || this.timers.has(milliseconds)) return;
    const run = () => {
      this.timers.delete(milliseconds);
      void this.commit();
    };
    this.timers.set(milliseconds, this.place.context.clock.after(milliseconds, run));
  }

  /**
   * Commits, one call at a time. Never rejects: handled messages are in the inbox, and the next
   * commit includes these positions.
   */
  private commit(): Promise<void> {
    return (this.committing = this.committing.then(() => this.commitNow()));
  }

  private async commitNow(): Promise<void> {
    const { membership, consumer } = this;
    if (!membership || !consumer || !this.durable || membership.over) return;
    const moved = [...membership.partitions.values()].filter((progress) => progress.moved);
    if (moved.length === 0) return;
    const positions: Position[] = moved.map(({ topic, partition, finished }) => ({
      topic,
      partition,
      offset: finished,
    }));
    try {
      await consumer.commit(positions);
      moved.forEach((progress, at) => (progress.committed = positions[at]!.offset));
    } catch (error) {
      this.place.context.log(
        'debug',
        `${this.subscription.name}: the positions were not stored: ${(error as Error).message}`,
      );
      if (!this.stopping) this.commitWithin(COMMIT_SKIPPED_AFTER);
    }
  }

  private quit(): Promise<void> {
    return (this.quitting ??= this.quitNow());
  }

  private async quitNow(): Promise<void> {
    for (const cancel of [...this.timers.values(), this.cancelRevival]) cancel();
    await settledWithin(
      CLOSED_WITHIN,
      this.commit().then(() => this.handBack(this.membership)),
    );
    this.membership?.abandon(`${this.subscription.name}: the instance stops`);
    await settledWithin(CLOSED_WITHIN, this.consumer?.close() ?? Promise.resolve());
    if (!this.durable)
      await settledWithin(
        CLOSED_WITHIN,
        this.place.topics.ask((admin) => admin.forgetGroup(this.id)),
      );
  }
}
