import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { openedWhenUp, startFailure } from '@parley/aws';
import {
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  ConsumerServer,
  KeyedExecutor,
  pause,
  type Positions,
  readerName,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Address } from './address';
import type { Place } from './handling';
import { LiveTail } from './live-tail';
import { since } from './shard-reader';
import { StreamSubscription } from './stream-subscription';
import { streamName, type Streams } from './topology';

/** A lease is renewed so often while it lasts. */
const RENEWALS = 5;
/** Of the time for a start. */
const LONGEST_WAIT_FOR_SHARE_MS = 8_000;
const STARTED_WITHIN_MS = 15_000;
/** Milliseconds from `stop` until the signal of the work under way is aborted. */
const ENDED_WITHIN_MS = 10_000;

export interface StreamConsumerOptions {
  readonly client: KinesisClient;
  readonly address: Address;
  readonly streams: Streams;
  readonly context: TransportContext;
  readonly deliver: Deliver;
}

/**
 * Receives commands or events: durable subscriptions share the shards of their streams among the
 * service's instances, live tails get everything.
 */
export class StreamConsumer extends ConsumerServer<'command' | 'event'> {
  private readonly durable: StreamSubscription[] = [];
  private readonly tails: LiveTail[] = [];
  private readonly member: string;
  private state: ConsumerHealth['state'] = 'starting';
  private stopping?: Promise<void>;
  private stoppedAt = 0;
  private leasing?: Promise<unknown>;
  private cancelLease = () => {};
  private closed = false;

  constructor(
    kind: 'command' | 'event',
    registry: SubscriptionRegistry,
    private readonly options: StreamConsumerOptions,
  ) {
    super(kind, registry);
    this.member = readerName(options.context.instance);
  }

  health(): ConsumerHealth {
    const problem = [...this.durable, ...this.tails].find((reader) => reader.problem)?.problem;
    const state = this.state === 'consuming' && problem ? 'disconnected' : this.state;
    return {
      technology: 'kinesis',
      kind: this.kind,
      state,
      ...(state === 'disconnected' && { reason: `Kinesis at ${this.options.address}: ${problem}` }),
    };
  }

  /**
   * Kinesis does not tell its backlog: records that were read and are not finished are all that is
   * known.
   */
  async backlog(): Promise<readonly Backlog[]> {
    const subscriptions = this.registry.subscriptions(this.kind).filter(({ live }) => !live);
    return subscriptions.map(({ name }) => ({
      subscription: name,
      waiting: this.waitingOf(name),
      parked: 0,
      delayed: 0,
      dead: 0,
    }));
  }

  /** The shards this instance holds of each stream, for the console. */
  holdings(): readonly string[] {
    return this.durable.flatMap(({ stream, shards }) =>
      shards.map((shard) => `${stream}/${shard}`),
    );
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.ended(this.stoppedAt + ENDED_WITHIN_MS);
    this.closed = true;
    this.cancelLease();
    await this.leasing;
    await Promise.all([...this.durable, ...this.tails].map((reader) => reader.close()));
  }

  protected async start(): Promise<void> {
    const subscriptions = this.registry.subscriptions(this.kind);
    if (subscriptions.some(({ live }) => !live)) this.positions();
    const { address, context, streams } = this.options;
    const needed = subscriptions.flatMap((subscription) => this.streamsOf(subscription));
    try {
      await openedWhenUp(
        address,
        context,
        () => this.stopping !== undefined,
        () => Promise.all(needed.map((stream) => streams.ensure(stream))),
      );
      await withTimeout(
        STARTED_WITHIN_MS,
        this.begin(),
        () => new Error(`no answer within ${STARTED_WITHIN_MS / 1_000} s`),
      );
    } catch (error) {
      this.closed = true;
      throw startFailure(address, error);
    }
    this.leaseLater();
    this.state = 'consuming';
  }

  private async begin(): Promise<void> {
    for (const subscription of this.registry.subscriptions(this.kind))
      await this.open(subscription);
    await Promise.all(this.durable.map((reader) => reader.lease(true)));
    await this.getOurShare();
  }

  private async open(subscription: RegisteredSubscription): Promise<void> {
    const { client, address, streams, context, deliver } = this.options;
    const readers: (StreamSubscription | LiveTail)[] = [];
    const lanes = new KeyedExecutor(subscription);
    const place: Place = { client, address, streams, context, deliver, subscription, lanes };
    for (const stream of this.streamsOf(subscription)) {
      const reader = subscription.live
        ? new LiveTail(stream, place)
        : this.durableOf(stream, place);
      readers.push(reader);
      if (reader instanceof LiveTail) await reader.start();
    }
    this.tails.push(...readers.filter((reader) => reader instanceof LiveTail));
    this.durable.push(...readers.filter((reader) => reader instanceof StreamSubscription));
  }

  private durableOf(stream: string, place: Place): StreamSubscription {
    return new StreamSubscription(
      stream,
      place,
      this.positions(),
      this.member,
      startOf(place),
      () => void this.lease(),
    );
  }

  private positions(): Positions {
    const positions = this.options.context.store?.streamPositions;
    if (!positions) throw new NoPositionsError(this.options.context.service);
    return positions;
  }

  private streamsOf({ handlers }: RegisteredSubscription): readonly string[] {
    const owners = new Set([...handlers.values()].map(({ contract }) => contract.owner));
    return [...owners].map((owner) => streamName(this.options.address, owner, this.kind));
  }

  /**
   * An instance with more than its share gives up shards when it renews its leases: a start waits
   * so long for them, but not longer.
   */
  private async getOurShare(): Promise<void> {
    const { address, context } = this.options;
    const until =
      context.clock.elapsed() + Math.min(LONGEST_WAIT_FOR_SHARE_MS, (3 * address.lease) / RENEWALS);
    while (
      this.durable.some(({ hasItsShare }) => !hasItsShare) &&
      context.clock.elapsed() < until
    ) {
      await pause(context.clock, address.lease / RENEWALS / 10);
      await Promise.all(this.durable.map((reader) => reader.lease()));
    }
  }

  private leaseLater(): void {
    this.cancelLease();
    if (this.closed || this.durable.length === 0) return;
    const { address, context } = this.options;
    this.cancelLease = context.clock.after(address.lease / RENEWALS, () => void this.lease());
  }

  /** Asked for while it runs: the answer under way will do. */
  private lease(): Promise<unknown> {
    if (this.closed) return Promise.resolve();
    this.leasing ??= Promise.all(this.durable.map((reader) => reader.lease())).finally(() => {
      this.leasing = undefined;
      this.leaseLater();
    });
    return this.leasing;
  }

  private async stopNow(): Promise<void> {
    this.stoppedAt = this.options.context.clock.elapsed();
    this.state = 'stopped';
    await Promise.all([...this.durable, ...this.tails].map((reader) => reader.stop()));
  }

  private async ended(until: number): Promise<void> {
    const { clock } = this.options.context;
    while (this.durable.some(({ shards }) => shards.length > 0) && clock.elapsed() < until)
      await pause(clock, 20);
  }

  private waitingOf(name: string): number {
    return this.durable
      .filter(({ subscription }) => subscription === name)
      .reduce((sum, { waiting }) => sum + waiting, 0);
  }
}

/** Kinesis leaves it to its readers to know where they are. */
class NoPositionsError extends Error {
  override readonly name = 'NoPositionsError';
  constructor(service: string) {
    super(
      `the store of ${service} keeps no positions in streams, and Kinesis keeps none for its readers; give it a store that does, or use another technology`,
    );
  }
}

/** Commands are kept for an owner that never ran; for events the subscription says. */
function startOf({ subscription: { kind, from }, context }: Place): string {
  if (kind === 'command' || from === 'beginning') return '';
  return since(from === 'now' ? context.clock.now() : from.getTime());
}
