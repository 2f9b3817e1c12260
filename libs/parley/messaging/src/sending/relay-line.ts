import type { Clock } from '../clock';
import type { FailpointHook } from '../ports/failpoints';
import type { OutgoingMessage } from '../message/message';
import { bugDetails } from '../ports/outage';
import type { OutboxDeadLetters, OutboxRow } from './outbox-dead-letters';
import {
  backoffAfter,
  type Failures,
  NotTriedError,
  UnpublishableError,
} from '../ports/publish-errors';
import type { TransportContext } from '../ports/transport';

/** A row of the outbox with a known target. */
export interface LineRow extends OutboxRow {
  readonly message: OutgoingMessage;
}

export interface LineContext {
  readonly letters: OutboxDeadLetters;
  /** Publishes messages; resolves with the failed ones, each with its reason. */
  readonly publish: (messages: readonly OutgoingMessage[]) => Promise<Failures>;
  /** Removes published rows from the outbox. */
  readonly remove: (ids: readonly string[]) => Promise<void>;
  /** Called after each pass: there is room for more. */
  readonly progressed: () => void;
  /** True when no further pass may begin. */
  readonly isOver: () => boolean;
  readonly process: {
    readonly clock: Clock;
    readonly log: TransportContext['log'];
    readonly passes?: FailpointHook;
  };
}

/** Rows held at once. Only rows of lanes that fail stay longer than a pass. */
export const LINE_CAPACITY = 500;

/**
 * Publishes rows of the outbox that one technology carries. Published rows leave the outbox at
 * once, whether the others succeed or not. A row that cannot be published for now is tried again
 * after a while, its lane waiting behind it; a row that never can be published becomes a dead
 * letter.
 */
export class RelayLine {
  private rows: LineRow[] = [];
  /** Ids of published rows that are still in the outbox: only their removal is tried again. */
  private published: string[] = [];
  /** Lanes, and rows without one, that failed: how often, and until when they wait. */
  private readonly waits = new Map<
    string,
    { readonly failures: number; readonly until: number; readonly reason: string }
  >();
  private readonly turnedAway = new Set<string>();
  private running?: Promise<void>;
  private cancelWake = () => {};
  private storeFailures = 0;

  constructor(private readonly context: LineContext) {}

  /** Ids of the rows that the line holds. */
  get held(): readonly string[] {
    return [...this.rows.map(({ id }) => id), ...this.published];
  }

  /** Contracts of which no more are to be read while it is full. */
  get contracts(): readonly string[] {
    return [...new Set([...this.rows.map(({ contract }) => contract), ...this.turnedAway])];
  }

  get isFull(): boolean {
    return this.rows.length + this.published.length >= LINE_CAPACITY;
  }

  /** Resolves when no pass is under way. */
  get idle(): Promise<void> | undefined {
    return this.running;
  }

  /** Why rows wait, each reason once. */
  get reasons(): readonly string[] {
    return [...new Set([...this.waits.values()].map(({ reason }) => reason))];
  }

  /** A message of this contract was read while there was no room for it. */
  turnAway(contract: string): void {
    this.turnedAway.add(contract);
  }

  take(rows: readonly LineRow[]): void {
    this.turnedAway.clear();
    this.rows.push(...rows);
    this.run();
  }

  /** Begins no further pass. */
  stop(): void {
    this.cancelWake();
  }

  private run(): void {
    if (this.running || this.context.isOver()) return;
    this.cancelWake();
    this.running = this.passes().finally(() => {
      this.running = undefined;
      this.context.progressed();
    });
  }

  private async passes(): Promise<void> {
    for (
      let ready = this.ready();
      !this.context.isOver() && (ready.length > 0 || this.published.length > 0);
      ready = this.ready()
    ) {
      try {
        await this.pass(ready);
        this.storeFailures = 0;
        this.context.progressed();
      } catch (error) {
        const backoff = backoffAfter(this.storeFailures++);
        this.context.process.log(
          'warn',
          `the outbox could not be relayed, again in ${backoff} ms: ${(error as Error).message}`,
          bugDetails(error),
        );
        return this.wakeAfter(backoff);
      }
    }
    this.wakeForNext();
  }

  /** In their order. Rows behind a waiting one of their lane are left out. */
  private ready(): readonly LineRow[] {
    const now = this.context.process.clock.elapsed();
    return this.rows.filter((row) => (this.waits.get(waitOf(row))?.until ?? 0) <= now);
  }

  private async pass(ready: readonly LineRow[]): Promise<void> {
    const { letters, publish, process } = this.context;
    await this.removePublished();
    const diverted = await letters.divert(ready);
    this.letGo(diverted);
    const free = ready.filter((row) => !diverted.has(row));
    if (free.length === 0) return;
    const failures = await publish(free.map(({ message }) => message));
    const taken = free.filter(({ message }) => !failures.has(message));
    this.published = taken.map(({ id }) => id);
    this.letGo(new Set(taken));
    if (taken.length > 0) process.passes?.('relay.published');
    await this.removePublished();
    const failed = free.filter(({ message }) => failures.has(message));
    for (const row of failed) await this.decide(row, failures.get(row.message));
  }

  private async removePublished(): Promise<void> {
    if (this.published.length === 0) return;
    await this.context.remove(this.published);
    this.published = [];
  }

  private async decide(row: LineRow, error: unknown): Promise<void> {
    if (error instanceof NotTriedError) return;
    if (error instanceof UnpublishableError) {
      await this.context.letters.bury(row, error);
      return this.letGo(new Set([row]));
    }
    const failures = (this.waits.get(waitOf(row))?.failures ?? 0) + 1;
    const backoff = backoffAfter(failures - 1);
    const reason = `${row.contract}: ${error instanceof Error ? error.message : String(error)}`;
    // One line for an outage, not one for each of its messages.
    if (!this.reasons.includes(reason))
      this.context.process.log(
        'warn',
        `${reason}; published again in ${backoff} ms`,
        bugDetails(error),
      );
    this.waits.set(waitOf(row), {
      failures,
      until: this.context.process.clock.elapsed() + backoff,
      reason,
    });
  }

  private letGo(rows: ReadonlySet<OutboxRow>): void {
    if (rows.size === 0) return;
    this.rows = this.rows.filter((row) => !rows.has(row));
    for (const row of rows) this.waits.delete(waitOf(row));
  }

  private wakeForNext(): void {
    if (this.rows.length === 0) return;
    const until = Math.min(...this.rows.map((row) => this.waits.get(waitOf(row))?.until ?? 0));
    this.wakeAfter(Math.max(1, until - this.context.process.clock.elapsed()));
  }

  private wakeAfter(milliseconds: number): void {
    this.cancelWake();
    this.cancelWake = this.context.process.clock.after(milliseconds, () => this.run());
  }
}

const waitOf = ({ lane, id }: OutboxRow): string => lane ?? `id:${id}`;
