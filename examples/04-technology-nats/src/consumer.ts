import type { Kind } from '@parley/contract';
import {
  type Backlog,
  ConsumerServer,
  type ConsumerHealth,
  type SubscriptionRegistry,
  KeyedExecutor,
  type RegisteredSubscription,
  withTimeout,
} from '@parley/messaging/transport';
import { startFailure } from './connection';
import { LaneReader, type Reading, type Surroundings } from './lane-reader';
import { LiveTail } from './live-tail';
import { LANE_NAMES, streamName } from './topology';

const STARTED_WITHIN_MS = 15_000;
/** From the stop until running handlings are aborted, and from then until they are left alone. */
const DRAINED_WITHIN_MS = 10_000;
const ENDED_WITHIN_MS = 1_000;

/** Consumes the commands of an owner, or the events that its subscriptions want. */
export class NatsConsumer extends ConsumerServer {
  private state: ConsumerHealth['state'] = 'starting';
  private readonly readers = new Map<RegisteredSubscription, readonly LaneReader[]>();
  private readonly tails: LiveTail[] = [];
  private stopping?: Promise<void>;

  constructor(
    kind: Exclude<Kind, 'call'>,
    registry: SubscriptionRegistry,
    private readonly surroundings: Surroundings,
  ) {
    super(kind, registry);
  }

  health(): ConsumerHealth {
    const problem = this.surroundings.connection.isUp
      ? this.all.find((reader) => reader.problem)?.problem
      : 'the connection is lost';
    const isDisconnected = this.state === 'consuming' && problem !== undefined;
    return {
      technology: 'nats',
      kind: this.kind,
      state: isDisconnected ? 'disconnected' : this.state,
      ...(isDisconnected && { reason: `NATS at ${this.surroundings.address}: ${problem}` }),
    };
  }

  async backlog(): Promise<readonly Backlog[]> {
    const counted = [...this.readers].map(async ([{ name }, readers]) => {
      const waiting = await Promise.all(readers.map((reader) => reader.waiting()));
      return {
        subscription: name,
        waiting: waiting.reduce((sum: number, one: number) => sum + one, 0),
        ...{ parked: 0, delayed: 0, dead: 0 },
      };
    });
    return Promise.all(counted);
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.ended(DRAINED_WITHIN_MS);
    for (const reader of this.all) reader.abandon('the drain ran out of time');
    await this.ended(ENDED_WITHIN_MS);
    await Promise.all(this.tails.map((tail) => tail.close()));
  }

  protected async start(): Promise<void> {
    try {
      const started = this.registry.subscriptions(this.kind).map((one) => this.subscribe(one));
      await withTimeout(
        STARTED_WITHIN_MS,
        Promise.all(started),
        () => new Error(`no answer within ${STARTED_WITHIN_MS / 1_000} s`),
      );
    } catch (error) {
      throw startFailure(this.surroundings.address, error);
    }
    this.state = 'consuming';
  }

  private get all(): readonly LaneReader[] {
    return [...this.readers.values()].flat();
  }

  private async subscribe(subscription: RegisteredSubscription): Promise<void> {
    const { address } = this.surroundings;
    const owners = new Set(
      [...subscription.handlers.values()].map(({ contract }) => contract.owner),
    );
    const readers: LaneReader[] = [];
    const executor = new KeyedExecutor(subscription, () => {
      for (const reader of readers) reader.roomMade();
    });
    const of: Reading = { ...this.surroundings, subscription, executor };
    if (subscription.live) {
      const tails = [...owners].map((owner) => new LiveTail(owner, of));
      this.tails.push(...tails);
      return void (await Promise.all(tails.map((tail) => tail.start())));
    }
    for (const owner of owners)
      for (const lane of LANE_NAMES)
        readers.push(new LaneReader(streamName(address, owner, this.kind), owner, lane, of));
    this.readers.set(subscription, readers);
    await Promise.all(readers.map((reader) => reader.start()));
  }

  private async stopNow(): Promise<void> {
    this.state = 'stopped';
    await Promise.all([...this.all, ...this.tails].map((reader) => reader.stop()));
  }

  private async ended(withinMs: number): Promise<void> {
    const all = Promise.all(this.all.map((reader) => reader.ended()));
    await withTimeout(withinMs, all, () => new Error('still under way')).catch(() => undefined);
  }
}
