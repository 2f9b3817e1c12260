import { setMaxListeners } from 'node:events';
import {
  type BatchAcknowledgement,
  Checkpoints,
  type Deliver,
  deliverFromLog,
  deliverUntilSettled,
  type Delivery,
  IN_PLACE,
  KeyedExecutor,
  LeaseLostError,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';
import { Partition } from './log-partition';
import { type LoggedEvent, LogReader } from './log-reader';
import { laneOf } from '../cloudevents';
import { fence } from '../store/transaction';

/** A partition as returned by `lease_events`. */
export interface Lease {
  readonly part: number;
  readonly pos: number;
  readonly epoch: number;
  /** Number of partitions that are this instance's fair share. */
  readonly share: number;
  /** Handled offsets above the position, for a partition that was taken just now. */
  readonly handled: readonly number[] | null;
  /** Taken just now from a holder that did not give it up: an event may have ended its process. */
  readonly orphaned: boolean;
}

export interface SubscriptionPlace {
  readonly database: Caller;
  readonly context: TransportContext;
  readonly deliver: Deliver;
  /** True when the service's store commits to the log's database. */
  readonly settles: boolean;
  /** Renews the leases now: one seems to be lost. */
  readonly checkLeases: () => void;
}

const ADVANCE: Statement = {
  name: 'parley_advance_events',
  text: 'select parley.advance_events($1, $2, $3, $4, $5) lost',
};
const SETTLE: Statement = {
  name: 'parley_settle_event',
  text: 'select parley.settle_event($1, $2, $3, $4, $5)',
};
const SETTLE_ALL: Statement = {
  name: 'parley_settle_events',
  text: 'select parley.settle_events($1, $2, $3, $4, $5)',
};
const CHECKPOINT_INTERVAL_MS = 200;
/**
 * Milliseconds until a position is stored that only passed events without a handler here: reading
 * them again is cheap.
 */
const SKIPPED_CHECKPOINT_INTERVAL_MS = 2_000;

/** The event that an acknowledgement is about. */
interface Receipt {
  readonly part: number;
  readonly epoch: number;
  readonly key: string;
  readonly offset: number;
}

/**
 * One durable subscription in this instance: its held partitions, their lanes, and their progress.
 */
export class DurableSubscription {
  private readonly reader: LogReader;
  private readonly lanes: KeyedExecutor;
  private readonly checkpoints: Checkpoints;
  private stopped = false;

  constructor(
    readonly id: number,
    readonly subscription: RegisteredSubscription,
    private readonly place: SubscriptionPlace,
  ) {
    const { database, context } = place;
    const wanted = [...subscription.handlers.keys()];
    this.checkpoints = new Checkpoints(context.clock, () => this.advance());
    this.lanes = new KeyedExecutor(subscription, () => this.reader.pump());
    this.reader = new LogReader(
      subscription.name,
      id,
      wanted,
      database,
      context,
      (partition, event) => this.enqueue(partition, event),
      () => this.checkpoints.within(SKIPPED_CHECKPOINT_INTERVAL_MS),
    );
  }

  get problem(): string | undefined {
    return this.reader.problem;
  }

  get partitions(): ReadonlyMap<number, Partition> {
    return this.reader.partitions;
  }

  hint(contracts?: readonly string[], parts?: readonly number[]): void {
    this.reader.hint(contracts, parts);
  }

  /** Applies the leases that this instance holds, according to the database. */
  leased(leases: readonly Lease[]): void {
    const held = this.reader.partitions;
    const granted = new Map(leases.map((lease) => [lease.part, lease]));
    for (const partition of [...held.values()])
      if (granted.get(partition.part)?.epoch !== partition.epoch) this.lose(partition);
    if (this.stopped) return;
    for (const lease of leases) if (!held.has(lease.part)) this.gain(lease);
    this.giveUpSurplus(leases[0]?.share ?? 0);
    this.reader.pump();
  }

  /** Drops all partitions: it is unknown whether they are still ours. */
  loseAll(): void {
    for (const partition of [...this.reader.partitions.values()]) this.lose(partition);
  }

  /** Starts no further events; gives up each partition as soon as none of its events runs. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await this.reader.stop();
    await Promise.all(
      [...this.reader.partitions.values()].map((partition) => this.leave(partition)),
    );
  }

  /** Aborts running handlers: their partitions are given up. */
  async close(): Promise<void> {
    await this.stop();
    this.checkpoints.cancel();
    await this.checkpoints.now();
    this.loseAll();
  }

  private gain(lease: Lease): void {
    const partition = new Partition(
      lease.part,
      lease.pos,
      lease.epoch,
      new Set(lease.handled),
      lease.orphaned,
    );
    setMaxListeners(0, partition.signal);
    this.reader.partitions.set(lease.part, partition);
  }

  private lose(partition: Partition): void {
    if (this.reader.partitions.get(partition.part) === partition)
      this.reader.partitions.delete(partition.part);
    partition.lose(
      new LeaseLostError(
        `${this.subscription.name}: partition ${partition.part} belongs to another instance now`,
      ),
    );
  }

  private giveUpSurplus(share: number): void {
    const staying = [...this.reader.partitions.values()].filter(({ leaving }) => !leaving);
    for (const partition of staying.slice(share)) void this.leave(partition);
  }

  private async leave(partition: Partition): Promise<void> {
    partition.leaving = true;
    if (partition.running > 0) return; // the last handling to finish calls this again
    await this.advanceTo([partition], true);
    this.lose(partition);
  }

  private enqueue(partition: Partition, event: LoggedEvent): void {
    partition.queued++;
    const suspect = partition.suspects.take(event.key);
    this.lanes.add(event.key, async () => {
      partition.queued--;
      if (partition.leaving) return;
      partition.running++;
      await this.handle(partition, event, suspect);
      partition.running--;
      if (partition.leaving && !partition.signal.aborted) await this.leave(partition);
    });
  }

  private async handle(partition: Partition, event: LoggedEvent, suspect: boolean): Promise<void> {
    const isWanted = () => !partition.leaving;
    const attempt = async () => {
      const isSettled = await this.attempt(partition, event, suspect).catch((error: Error) =>
        this.unread(error),
      );
      if (!isSettled && isWanted()) this.place.checkLeases();
      return isSettled;
    };
    if (!(await deliverUntilSettled(this.place.context.clock, attempt, isWanted))) return;
    partition.finish(event.offset);
    this.checkpoints.within(CHECKPOINT_INTERVAL_MS);
  }

  /** Returns whether the event is settled. */
  private async attempt(
    partition: Partition,
    event: LoggedEvent,
    suspect: boolean,
  ): Promise<boolean> {
    const body = event.body ?? (await this.reader.fetch(partition, event));
    if (body === undefined) return true;
    if (partition.leaving) return false; // given up while the body was fetched
    return deliverFromLog('the log', this.place, {
      subscription: this.subscription,
      headers: event.headers,
      body,
      attempt: 1,
      suspect,
      signal: partition.signal,
      ...this.acknowledging(partition, event),
      supports: IN_PLACE,
    });
  }

  private unread(error: Error): false {
    this.place.context.log(
      'warn',
      `${this.subscription.name}: an event could not be read; trying again`,
      { error },
    );
    return false;
  }

  /** Acknowledges in the transaction; the COMMIT follows without waiting for the reply. */
  private acknowledging(
    { part, epoch }: Partition,
    { key, offset }: LoggedEvent,
  ): Pick<Delivery, 'acknowledgeInTransaction' | 'batchAcknowledgement'> {
    if (!this.place.settles) return {};
    const receipt: Receipt = { part, epoch, key, offset };
    return {
      acknowledgeInTransaction: (tx, order) =>
        fence(tx, SETTLE, [this.id, part, offset, epoch, order?.inOrder ? laneOf(key) : null]),
      batchAcknowledgement: { receipt, acknowledgeAll: this.acknowledgeAll },
    };
  }

  private readonly acknowledgeAll: BatchAcknowledgement['acknowledgeAll'] = (
    tx,
    messages,
    { inOrder },
  ) => {
    const receipts = messages.map(({ receipt }) => receipt as Receipt);
    return fence(tx, SETTLE_ALL, [
      this.id,
      receipts.map(({ part }) => part),
      receipts.map(({ offset }) => offset),
      receipts.map(({ epoch }) => epoch),
      inOrder ? receipts.map(({ key }) => laneOf(key)) : [],
    ]);
  };

  /** Never rejects. */
  private async advance(): Promise<void> {
    const moved = [...this.reader.partitions.values()].filter(
      ({ leaving, hasMoved }) => !leaving && hasMoved,
    );
    if (moved.length > 0) await this.advanceTo(moved, false);
  }

  private async advanceTo(partitions: readonly Partition[], free: boolean): Promise<void> {
    const uptos = partitions.map(({ finished }) => finished);
    const columns = [
      partitions.map(({ part }) => part),
      uptos,
      partitions.map(({ epoch }) => epoch),
    ];
    try {
      const rows = await this.place.database.call<{ lost: number }>(ADVANCE, [
        this.id,
        ...columns,
        free,
      ]);
      const lost = new Set(rows.map((row) => row.lost));
      partitions.forEach((partition, i) =>
        lost.has(partition.part) ? this.lose(partition) : (partition.stored = uptos[i]!),
      );
    } catch (error) {
      // Nothing is lost: handled events are known, and the next call moves the position.
      this.place.context.log(
        'debug',
        `${this.subscription.name}: the position could not be moved`,
        { error },
      );
      if (!this.stopped) this.checkpoints.within(SKIPPED_CHECKPOINT_INTERVAL_MS);
    }
  }
}
