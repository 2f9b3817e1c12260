import {
  AlreadyHandledError,
  describeError,
  type Failure,
  LeaseLostError,
} from '../message/failure';
import { outboxSubscription } from '../ports/outbox-subscription';
import { backoffAfter, UnpublishableError } from '../ports/publish-errors';
import type { LaneRunner, ParkedMessage, Store, StoredMessage } from '../ports/store';
import type { TransportContext } from '../ports/transport';
import type { Deliver, Outcome } from '../ports/delivery';
import type { RegisteredSubscription } from '../ports/subscription';

const CONCURRENCY = 10;

/** A message of the outbox that the relay holds. */
export interface OutboxRow extends StoredMessage {
  /** Its key at its target; undefined: it is alone. */
  readonly lane?: string;
}

/** Publishes a stored message. Rejects with the reason when it was not published. */
export type PublishStored = (
  stored: Pick<StoredMessage, 'contract' | 'headers' | 'body'>,
) => Promise<void>;

type Process = Pick<TransportContext, 'clock' | 'log' | 'service' | 'instance'>;

/**
 * Dead letters of messages that a service sends, and the messages behind them: kept in the lanes of
 * its store, so that they are seen, edited, replayed and discarded like dead letters of received
 * messages. A replayed one is published again, and its lane after it.
 */
export class OutboxDeadLetters {
  private readonly subscription: string;
  /** Lanes that wait for a dead letter, as far as is known: the store decides. */
  private held: Set<string> = new Set();
  private runner?: LaneRunner;

  constructor(
    private readonly store: Store,
    private readonly process: Process,
    private readonly publish: PublishStored,
  ) {
    this.subscription = outboxSubscription(process.service);
  }

  /**
   * Before the first row is published: which lanes wait. From then on replayed letters are
   * published here.
   */
  async open(): Promise<void> {
    this.held = new Set(await this.store.lanes.parked(this.subscription));
    if (this.runner) return;
    const runner = this.store.lanes.deliver([this.interest()], this.deliver);
    await runner.start();
    this.runner = runner;
  }

  async stop(): Promise<void> {
    await this.runner?.stop();
  }

  async backlog() {
    return (await this.runner?.backlog()) ?? [];
  }

  /** Keeps a row as a dead letter, and takes it out of the outbox. */
  async bury(row: OutboxRow, error: unknown): Promise<void> {
    const failure = this.failure(error, undefined);
    await this.store.transaction(async (tx) => {
      await this.store.lanes.deadLetter(tx, this.parked(row), failure, row.lane !== undefined);
      await this.store.outbox.remove([row.id], tx);
    });
    if (row.lane !== undefined) this.held.add(row.lane);
    this.process.log(
      'error',
      `${row.contract} is dead in ${this.subscription}, for it can never be published: ${failure.message}`,
      { failure },
    );
  }

  /** Puts rows behind the dead letter that their lane waits for. Resolves with these rows. */
  async divert(rows: readonly OutboxRow[]): Promise<ReadonlySet<OutboxRow>> {
    const diverted = new Set<OutboxRow>();
    if (this.held.size === 0) return diverted;
    for (const row of rows) {
      if (row.lane === undefined || !this.held.has(row.lane)) continue;
      if (await this.isDiverted(row)) diverted.add(row);
      else this.held.delete(row.lane); // replayed or discarded meanwhile
    }
    return diverted;
  }

  private isDiverted(row: OutboxRow): Promise<boolean> {
    return this.store.transaction(async (tx) => {
      const isDiverted = await this.store.lanes.parkIfLaneBlocked(tx, this.parked(row));
      if (isDiverted) await this.store.outbox.remove([row.id], tx);
      return isDiverted;
    });
  }

  private parked({ lane, headers, body }: OutboxRow): ParkedMessage {
    return { subscription: this.subscription, key: lane, headers, body };
  }

  private readonly deliver: Deliver = async ({
    headers,
    body,
    attempt,
    failure,
    acknowledgeInTransaction: settle,
  }) => {
    try {
      await this.publish({ contract: headers.type ?? '', headers, body });
    } catch (error) {
      return this.failed(error, attempt, headers.partitionkey !== undefined, failure);
    }
    try {
      await this.store.transaction(async () => undefined, settle);
      return { kind: 'done', settled: settle !== undefined };
    } catch (error) {
      if (error instanceof AlreadyHandledError) return { kind: 'done', settled: false };
      if (error instanceof LeaseLostError) return { kind: 'return' };
      throw error;
    }
  };

  private failed(
    error: unknown,
    attempt: number,
    hold: boolean,
    former: Failure | undefined,
  ): Outcome {
    const failure = this.failure(error, former);
    if (error instanceof UnpublishableError) return { kind: 'dead', failure, hold };
    return { kind: 'retry', after: backoffAfter(attempt - 1), failure };
  }

  private failure(error: unknown, former: Failure | undefined): Failure {
    const now = new Date(this.process.clock.now()).toISOString();
    const { instance } = this.process;
    return {
      ...describeError(error),
      tries: (former?.tries ?? 0) + 1,
      instance,
      firstFailedAt: former?.firstFailedAt ?? now,
      lastFailedAt: now,
    };
  }

  private interest(): RegisteredSubscription {
    return {
      kind: 'event',
      name: this.subscription,
      from: 'beginning',
      live: false,
      concurrency: CONCURRENCY,
      handlers: new Map(),
    };
  }
}
