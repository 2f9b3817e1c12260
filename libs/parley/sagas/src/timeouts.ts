/*
 * Timeouts are rows beside the saga, armed and cancelled by the transaction that takes the step.
 * Any instance of the service claims those that are due. Not delayed messages: those cannot be
 * cancelled, and every finished saga would leave some behind.
 */
import type { OnApplicationBootstrap } from '@nestjs/common';
import { type Transactions } from '@parley/messaging';
import {
  describe,
  type Clock,
  type TransportContext,
  type Worker,
} from '@parley/messaging/transport';
import type { Definition } from './saga';
import type { DueTimeout, KnownTimeout, SagaStore } from './saga-store';
import type { Turns } from './saga-runner';

/** How late an instance notices what another one armed. */
const POLL = 1_000;
const FORGET_EVERY = 600_000;
const BACKOFF = [1_000, 10_000, 60_000, 300_000] as const;

export class Timeouts implements Worker, OnApplicationBootstrap {
  private readonly known: readonly KnownTimeout[];
  private readonly definitions: ReadonlyMap<string, Definition>;
  private cancel: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private bootstrapped = false;
  private forgetAt = 0;

  constructor(
    sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly turns: Turns,
    private readonly transactions: Pick<Transactions, 'run'>,
    private readonly clock: Clock,
    private readonly log: TransportContext['log'],
  ) {
    this.definitions = new Map(sagas.map((saga) => [saga.name, saga]));
    this.known = sagas.flatMap((saga) =>
      saga.timeoutNames().map((name) => ({ saga: saga.name, name })),
    );
  }

  async start(): Promise<void> {
    this.stopped = false;
    this.wait(POLL);
  }

  /**
   * Steps may execute local commands, whose handlers are found only now: after the technologies
   * were opened.
   */
  onApplicationBootstrap(): void {
    this.bootstrapped = true;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
  }

  /**
   * Takes every step that is due now; resolves with the milliseconds until it should look again.
   */
  async takeDue(): Promise<number> {
    for (;;) {
      const next =
        this.known.length === 0
          ? undefined
          : await this.transactions.run((tx) => this.store.nextDue(tx, this.known));
      if (next === undefined || next > POLL) return POLL;
      if (next > 0) return Math.ceil(next);
      // Due, yet not to be had: its saga is locked, by a message or by another instance.
      if (this.stopped || !(await this.takeOne())) return POLL;
    }
  }

  private wait(milliseconds: number): void {
    if (this.stopped) return;
    this.cancel = this.clock.after(milliseconds, () => {
      this.running = this.round();
    });
  }

  private async round(): Promise<void> {
    let again = POLL;
    try {
      if (this.bootstrapped) {
        again = await this.takeDue();
        await this.forget();
      }
    } catch (error) {
      this.log(
        'warn',
        `the timeouts of sagas cannot be read, again in ${POLL} ms: ${describe(error).message}`,
        { error },
      );
    }
    this.wait(again);
  }

  private async takeOne(): Promise<boolean> {
    let claimed: DueTimeout | undefined;
    try {
      await this.transactions.run(async (tx) => {
        const claim = await this.store.claim(tx, this.known);
        if (!claim) return;
        claimed = claim.timeout;
        await this.turns.onTimeout(tx, this.definitions.get(claimed.saga)!, claimed, claim.saga);
      });
    } catch (error) {
      if (!claimed) throw error;
      await this.postpone(claimed, error);
    }
    return claimed !== undefined;
  }

  /**
   * A step that fails is tried again for ever, ever more rarely: nobody else would end the saga.
   */
  private async postpone(timeout: DueTimeout, error: unknown): Promise<void> {
    const after = BACKOFF[Math.min(timeout.failures, BACKOFF.length - 1)]!;
    const { message } = describe(error);
    this.log(
      'error',
      `the timeout "${timeout.name}" of ${timeout.saga} ${timeout.key} failed, again in ${after} ms: ${message}`,
      { error },
    );
    await this.transactions.run((tx) => this.store.postpone(tx, timeout, after, message));
  }

  private async forget(): Promise<void> {
    if (this.clock.elapsed() < this.forgetAt) return;
    for (const { name, keep } of this.definitions.values()) {
      while (
        !this.stopped &&
        (await this.transactions.run((tx) => this.store.forget(tx, name, keep))) > 0
      );
    }
    this.forgetAt = this.clock.elapsed() + FORGET_EVERY;
  }
}
