import { randomUUID } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import {
  type Backlog,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { NotificationListener } from '../connection/notification-listener';
import type { Caller, Statement } from '../connection/database';
import type { Sequencer } from './log-sequencer';
import { DurableSubscription, type Lease } from './log-subscription';
import { LiveTail } from './live-tail';

export interface EventConsumerOptions {
  readonly database: Caller;
  readonly listener: NotificationListener;
  readonly sequencer: Sequencer;
  readonly context: TransportContext;
  readonly registry: SubscriptionRegistry;
  readonly deliver: Deliver;
  /** Read at start: whether the service's store commits to the log's database. */
  readonly settles: () => boolean;
  /** Milliseconds until a silent instance loses its partitions. Default 10,000. */
  readonly ttl?: number;
}

interface LeaseRow extends QueryResultRow {
  sub: number;
  part: number;
  pos: string;
  epoch: string;
  share: number;
  handled: string[] | null;
  orphaned: boolean;
}

const BACKLOG: Statement = {
  name: 'parley_event_backlog',
  text: 'select sub, waiting from parley.event_backlog($1)',
};
const SUBSCRIBE: Statement = {
  name: 'parley_subscribe_events',
  text: 'select parley.subscribe_events($1, $2, $3) id',
};
const LEASE: Statement = {
  name: 'parley_lease_events',
  text: 'select * from parley.lease_events($1, $2, $3, $4)',
};
const LEAVE: Statement = {
  name: 'parley_leave_events',
  text: 'select parley.leave_events($1, $2)',
};

/** Fallback poll: notifications are only hints. */
const ASSIGNMENT_INTERVAL_MS = 5_000;

/**
 * Receives events: durable subscriptions share their partitions among the service's instances, live
 * tails get every event.
 */
export class EventConsumer extends ConsumerServer {
  private readonly durable: DurableSubscription[] = [];
  private readonly tails: LiveTail[] = [];
  /**
   * The instance and a random part: a restarted instance must not share the epoch of its
   * predecessor.
   */
  private readonly member: string;
  private readonly ttl: number;
  private readonly cancels: (() => unknown)[] = [];
  private state: ConsumerHealth['state'] = 'starting';
  private leaseProblem?: string;
  private leasedAt = -Infinity;
  private leasing?: Promise<void>;
  private cancelLease = () => {};
  private closed = false;
  private cancelLook = () => {};

  constructor(private readonly options: EventConsumerOptions) {
    super('event', options.registry);
    this.member = `${options.context.instance}/${randomUUID().slice(0, 8)}`;
    this.ttl = options.ttl ?? 10_000;
  }

  health(): ConsumerHealth {
    const problem =
      this.leaseProblem ??
      [...this.durable, ...this.tails].find((reader) => reader.problem)?.problem;
    const state = this.state === 'consuming' && problem ? 'disconnected' : this.state;
    return { technology: 'postgres', kind: 'event', state, ...(problem && { reason: problem }) };
  }

  async backlog(): Promise<readonly Backlog[]> {
    if (this.durable.length === 0) return [];
    const rows = await this.options.database.call<{ sub: number; waiting: string }>(BACKLOG, [
      this.ids(),
    ]);
    const waiting = new Map(rows.map((row) => [row.sub, Number(row.waiting)]));
    return this.durable.map(({ id, subscription }) => ({
      subscription: subscription.name,
      waiting: waiting.get(id) ?? 0,
      parked: 0,
      delayed: 0,
      dead: 0,
    }));
  }

  /**
   * Returns the partitions that this instance holds of each durable subscription, for the console.
   */
  holdings(): ReadonlyMap<string, readonly number[]> {
    return new Map(
      this.durable.map(({ subscription, partitions }) => [
        subscription.name,
        [...partitions.keys()],
      ]),
    );
  }

  protected async start(): Promise<void> {
    const subscriptions = this.registry.subscriptions('event');
    if (subscriptions.length > 0) {
      for (const subscription of subscriptions) await this.open(subscription);
      await this.listenToHints();
      this.options.sequencer.watch();
      await this.lease();
      if (this.leaseProblem) throw new Error(`the event log cannot be read: ${this.leaseProblem}`);
      this.look();
    }
    this.state = 'consuming';
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.cancelLook();
    await Promise.all(this.cancels.splice(0).map((cancel) => cancel()));
    await Promise.all([...this.durable, ...this.tails].map((reader) => reader.stop()));
  }

  async close(): Promise<void> {
    await this.stop();
    this.closed = true;
    await this.leasing;
    this.cancelLease();
    await Promise.all([...this.durable, ...this.tails].map((reader) => reader.close()));
    if (this.durable.length === 0) return;
    // If it fails, the leases expire by themselves.
    await this.options.database.call(LEAVE, [this.ids(), this.member]).catch(() => {});
  }

  private ids(): number[] {
    return this.durable.map(({ id }) => id);
  }

  private async open(subscription: RegisteredSubscription): Promise<void> {
    const { database, context, deliver } = this.options;
    if (subscription.live) {
      const tail = new LiveTail(subscription, { database, context, deliver });
      await tail.start();
      this.tails.push(tail);
      return;
    }
    const { from, name } = subscription;
    const start = from instanceof Date ? ['time', from] : [from, null];
    const [row] = await database.call<{ id: number }>(SUBSCRIBE, [name, ...start]);
    const place = {
      database,
      context,
      deliver,
      settles: this.options.settles(),
      checkLeases: () => void this.lease(),
    };
    this.durable.push(new DurableSubscription(row!.id, subscription, place));
  }

  private async listenToHints(): Promise<void> {
    const { listener } = this.options;
    this.cancels.push(
      await listener.listen('parley_new', {
        receive: (payload) => this.receive(payload),
        reconnected: () => this.lookEverywhere(),
      }),
    );
    const rebalance = (payload: string) =>
      this.ids().includes(Number(payload)) && void this.lease();
    this.cancels.push(await listener.listen('parley_lease', { receive: rebalance }));
  }

  /** `contracts|partitions`, both separated by commas, or nothing. */
  private receive(payload: string): void {
    const [contracts, parts] = payload.split('|').map((list) => list.split(','));
    for (const reader of [...this.durable, ...this.tails]) {
      if (parts) reader.hint(contracts, parts.map(Number));
      else reader.hint();
    }
  }

  private lookEverywhere(): void {
    for (const reader of [...this.durable, ...this.tails]) reader.hint();
  }

  private look(): void {
    this.cancelLook = this.options.context.clock.after(ASSIGNMENT_INTERVAL_MS, () => {
      this.lookEverywhere();
      this.look();
    });
  }

  /**
   * Renews the leases and learns the partitions of this instance. Callers share a renewal in
   * progress.
   */
  private lease(): Promise<void> {
    if (this.durable.length === 0 || this.closed) return Promise.resolve();
    this.leasing ??= this.renew().finally(() => {
      this.leasing = undefined;
      this.cancelLease();
      this.cancelLease = this.options.context.clock.after(this.ttl / 5, () => void this.lease());
    });
    return this.leasing;
  }

  private async renew(): Promise<void> {
    const { database, context } = this.options;
    const asked = performance.now();
    try {
      const parameters = [
        this.ids(),
        this.member,
        `${this.ttl} milliseconds`,
        this.state !== 'stopped',
      ];
      const rows = await database.call<LeaseRow>(LEASE, parameters);
      this.leasedAt = asked;
      this.leaseProblem = undefined;
      for (const subscription of this.durable)
        subscription.leased(rows.filter(({ sub }) => sub === subscription.id).map(leaseOf));
    } catch (error) {
      this.leaseProblem = (error as Error).message;
      context.log('warn', 'the leases on the event log could not be renewed', { error });
      if (performance.now() - this.leasedAt > this.ttl)
        for (const subscription of this.durable) subscription.loseAll();
    }
  }
}

const leaseOf = ({ part, pos, epoch, share, handled, orphaned }: LeaseRow): Lease => ({
  part,
  pos: Number(pos),
  epoch: Number(epoch),
  share,
  handled: handled?.map(Number) ?? null,
  orphaned,
});
