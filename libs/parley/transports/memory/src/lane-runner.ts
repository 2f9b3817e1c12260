import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Backlog,
  LeaseLostError,
  type Deliver,
  type Delivery,
  type LaneRunner,
  type Outcome,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { MemoryDeadLetters } from './dead-letters';
import type { LaneTable, Row } from './lane-table';
import type { MemoryDatabase, MemoryTx } from './database';

/** Delivers parked messages of one instance's subscriptions when they are due. */
export class MemoryLaneRunner implements LaneRunner {
  private readonly subscriptions: ReadonlyMap<string, RegisteredSubscription>;
  private readonly underWay = new Map<string, number>();
  private cancelTimer = () => {};
  /** Runs deliveries outside of the transaction or conversation that woke the runner. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly database: MemoryDatabase,
    private readonly table: LaneTable,
    private readonly deadLetters: MemoryDeadLetters,
    subscriptions: readonly RegisteredSubscription[],
    private readonly deliver: Deliver,
  ) {
    this.subscriptions = new Map(
      subscriptions.map((subscription) => [subscription.name, subscription]),
    );
    for (const subscription of subscriptions) subscription.onConcurrency?.(() => this.wake());
  }

  async start(): Promise<void> {
    this.table.runners.add(this);
    this.wake();
  }

  /**
   * Stops without waiting for a turn, which may last as long as a handler: `look` checks whether
   * the runner still runs.
   */
  async stop(): Promise<void> {
    this.table.runners.delete(this);
    this.cancelTimer();
  }

  async backlog(): Promise<readonly Backlog[]> {
    return [...this.subscriptions.keys()].map((subscription) => ({
      subscription,
      waiting: 0,
      delayed: 0,
      parked: count(this.table.rows(), subscription),
      dead: count(this.deadLetters.all(), subscription),
    }));
  }

  serves(subscription: string): boolean {
    return this.subscriptions.has(subscription);
  }

  wake(): void {
    this.outside(() => void this.database.turn(() => this.look()));
  }

  private look(): void {
    if (!this.table.runners.has(this)) return;
    const now = this.database.clock.elapsed();
    const heads = readyHeads(this.table, this.deadLetters).filter(
      ({ busy, subscription }) => !busy && this.subscriptions.has(subscription),
    );
    for (const head of heads) if (head.due <= now) this.begin(head);
    this.wakeAt(Math.min(...heads.map(({ due }) => due).filter((due) => due > now)), now);
  }

  private wakeAt(due: number, now: number): void {
    this.cancelTimer();
    if (due < Infinity) this.cancelTimer = this.database.clock.after(due - now, () => this.wake());
  }

  private begin(head: Row): void {
    const subscription = this.subscriptions.get(head.subscription)!;
    const underWay = this.underWay.get(subscription.name) ?? 0;
    if (underWay >= subscription.concurrency) return;
    this.underWay.set(subscription.name, underWay + 1);
    const row = this.table.change(head, { busy: true })!;
    this.outside(() => void this.handle(row, subscription));
  }

  private async handle(row: Row, subscription: RegisteredSubscription): Promise<void> {
    const outcome = await this.deliver(this.deliveryOf(row, subscription));
    await this.database.transaction(async (tx) => this.honour(tx as MemoryTx, row, outcome));
    this.underWay.set(subscription.name, this.underWay.get(subscription.name)! - 1);
    this.table.wake();
  }

  private deliveryOf(row: Row, subscription: RegisteredSubscription): Delivery {
    return {
      subscription,
      headers: row.headers,
      body: row.body,
      attempt: row.attempt,
      signal: new AbortController().signal,
      failure: row.failure,
      acknowledgeInTransaction: async (tx, options) =>
        this.settle(tx as MemoryTx, row, options?.print),
      supports: { retry: true, dead: true },
    };
  }

  /**
   * Ignores whether the message is in the inbox already: it may have been acknowledged there when
   * it was parked.
   */
  private settle(tx: MemoryTx, row: Row, print?: string): void {
    if (!this.table.isThere(row))
      throw new LeaseLostError(`${row.headers.type} is no longer parked in ${row.subscription}`);
    this.table.remove(tx, row);
    this.database.handle(tx, row.subscription, row.headers.id!, print);
  }

  private honour(tx: MemoryTx, row: Row, outcome: Outcome): void {
    if (!this.table.isThere(row)) return;
    if (outcome.kind === 'return') this.table.change(row, { busy: false });
    else if (outcome.kind === 'retry') {
      this.table.change(row, {
        busy: false,
        attempt: row.attempt + 1,
        due: this.database.clock.elapsed() + outcome.after,
        failure: outcome.failure,
      });
    } else this.table.remove(tx, row);
    if (outcome.kind === 'dead')
      this.deadLetters.add(tx, row, row.attempt, outcome.failure, outcome.hold);
  }
}

/** The first message of each lane that does not wait for a dead letter. */
export const readyHeads = (table: LaneTable, deadLetters: MemoryDeadLetters): readonly Row[] =>
  table.heads().filter(({ lane }) => deadLetters.holding(lane).length === 0);

const count = (kept: Iterable<{ readonly subscription: string }>, subscription: string): number =>
  [...kept].filter((one) => one.subscription === subscription).length;
