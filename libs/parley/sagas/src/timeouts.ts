/*
 * Timeouts are rows beside the saga, armed and cancelled by the transaction that takes the step.
 * Any instance of the service claims those that are due. Not delayed messages: those cannot be
 * cancelled, and every finished saga would leave some behind.
 */
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Messaging, Transactions } from '@parley/messaging';
import {
  describeError,
  type Failure,
  type HandlerRun,
  lookAgain,
  type RunFacts,
  sealedTexts,
  type Suspects,
  type Tx,
  withoutPersonal,
  type Worker,
} from '@parley/messaging/transport';
import { idsFor } from './ids';
import type { Definition } from './definition';
import {
  type DueTimeout,
  type KnownTimeout,
  PAUSED_MS,
  type SagaStore,
  type StoredSaga,
} from './saga-store';
import type { SagaRunner } from './saga-runner';

/** Milliseconds until an instance notices a timeout that another one armed. */
const POLL_MS = 1_000;
const FORGET_EVERY_MS = 600_000;
const BACKOFF = [1_000, 10_000, 60_000, 300_000] as const;
/** A step that failed so often, over 26 minutes, is paused until an operator decides. */
export const FAILURES_UNTIL_PAUSE = 9;
/** Milliseconds of one step, local commands that it executes included; then it is ended. */
const STEP_TIMEOUT_MS = 30_000;

/** The process ended during an earlier attempt of the same step; the reason is not known. */
class StepUnfinishedError extends Error {
  override readonly name = 'StepUnfinishedError';
  constructor({ at, instance }: Awaited<ReturnType<Suspects['unfinished']>>[number]) {
    super(
      `its process ended, or lost its database, while the step was taken: ${at.toISOString()} ${instance}`,
    );
  }
}

/** The parts of the service's messaging that timeouts need. */
export interface TimeoutsPlace extends Pick<Messaging, 'service' | 'instance' | 'clock' | 'log'> {
  readonly transactions: Pick<Transactions, 'run' | 'commit'>;
  /** Counts steps without an outcome; without it, one that ends its process is taken at once. */
  readonly suspects?: Pick<Suspects, 'begin' | 'unfinished' | 'end'>;
  /** The outage that caused an error: it passes, and no step is paused for it. */
  outageIn?(error: unknown): Error | undefined;
  bounded<T>(facts: RunFacts, work: (run: HandlerRun) => Promise<T>): Promise<T>;
}

/** A timeout with its step under way. */
interface Taken {
  readonly timeout: DueTimeout;
  /** The state before the step. */
  readonly state: unknown;
  /** Names this step of this version of the saga. */
  readonly id: string;
}

export class Timeouts implements Worker, OnApplicationBootstrap {
  private readonly known: readonly KnownTimeout[];
  private readonly definitions: ReadonlyMap<string, Definition>;
  private cancel: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private bootstrapped = false;
  private forgetAt = 0;
  /** Steps that did not end their process, and are still recorded as if they might. */
  private readonly survived = new Set<Taken>();

  constructor(
    sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly turns: SagaRunner,
    private readonly place: TimeoutsPlace,
  ) {
    this.definitions = new Map(sagas.map((saga) => [saga.name, saga]));
    this.known = sagas.flatMap((saga) =>
      saga.timeoutNames().map((name) => ({ saga: saga.name, name })),
    );
  }

  async start(): Promise<void> {
    this.stopped = false;
    this.wait(Infinity);
  }

  /**
   * Steps may execute local commands; their handlers are found only now, after the technologies
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
   * Takes every step that is due now; resolves with the milliseconds until the next one that is
   * known, Infinity without one.
   */
  async takeDue(): Promise<number> {
    for (;;) {
      const next =
        this.known.length === 0
          ? undefined
          : await this.place.transactions.run((tx) => this.store.nextDue(tx, this.known));
      if (next === undefined || next > PAUSED_MS / 2) return Infinity;
      if (next > 0) return Math.ceil(next);
      // Due, yet not to be had: its saga is locked, by a message or by another instance.
      if (this.stopped || !(await this.takeOne())) return POLL_MS;
    }
  }

  private wait(dueMs: number): void {
    if (this.stopped) return;
    this.cancel = lookAgain(this.place.clock, { dueMs, pollMs: POLL_MS }, () => {
      this.running = this.round();
    });
  }

  private async round(): Promise<void> {
    let again = this.bootstrapped ? POLL_MS : Infinity;
    try {
      if (this.bootstrapped) {
        await this.endSurvived();
        const next = await this.takeDue();
        await this.forget();
        again = Math.min(next, this.forgetAt - this.place.clock.elapsed());
      }
    } catch (error) {
      this.place.log(
        'warn',
        `the timeouts of sagas cannot be read, again in ${POLL_MS} ms: ${describeError(error).message}`,
        { error },
      );
    }
    this.wait(again);
  }

  private async takeOne(): Promise<boolean> {
    const step: { taken?: Taken } = {};
    try {
      await this.place.bounded(this.factsOf(step), (run) =>
        this.place.transactions.commit((tx) => this.take(tx, step), undefined, run),
      );
    } catch (error) {
      if (!step.taken) throw error;
      this.survived.add(step.taken);
      await this.postpone(step.taken, error);
    }
    if (!step.taken) return false;
    this.survived.add(step.taken);
    await this.endSurvived();
    return true;
  }

  /** Clears their records. The next round tries again where the store was away. */
  private async endSurvived(): Promise<void> {
    for (const taken of this.survived) {
      await this.place.suspects?.end(this.subscriptionOf(taken), taken.id);
      this.survived.delete(taken);
    }
  }

  private async take(tx: Tx, step: { taken?: Taken }): Promise<void> {
    const claim = await this.store.claim(tx, this.known);
    if (!claim) return;
    const { timeout, saga } = claim;
    step.taken = { timeout, state: saga.state, id: stepIdOf(timeout, saga) };
    await this.begin(step.taken);
    await this.turns.onTimeout(tx, this.definitions.get(timeout.saga)!, timeout, saga);
  }

  /**
   * Records the step, before it can end the process, until it has an outcome.
   * @throws StepUnfinishedError for one that had none: it counts as failed
   */
  private async begin(taken: Taken): Promise<void> {
    const { suspects, instance } = this.place;
    const subscription = this.subscriptionOf(taken);
    const [unfinished] = (await suspects?.unfinished(subscription, taken.id)) ?? [];
    if (unfinished) throw new StepUnfinishedError(unfinished);
    await suspects?.begin(subscription, taken.id, instance);
  }

  /** Known only when a timeout was claimed; read only when running handlers are listed. */
  private factsOf(step: { readonly taken?: Taken }): RunFacts {
    const { service } = this.place;
    const timeout = () => step.taken?.timeout;
    return {
      kind: 'event',
      timeout: STEP_TIMEOUT_MS,
      get contract() {
        return timeout()?.saga ?? 'sagas';
      },
      get subscription() {
        return `${service}.${timeout()?.saga ?? 'sagas'}`;
      },
      get id() {
        return timeout()?.key ?? '';
      },
      get what() {
        return `the timeout "${timeout()?.name ?? ''}"`;
      },
    };
  }

  private subscriptionOf({ timeout }: Taken): string {
    return `${this.place.service}.${timeout.saga}`;
  }

  /**
   * A failed step is taken again, ever more rarely. One that keeps failing asks: it waits for an
   * operator, and holds up no other saga.
   */
  private async postpone(taken: Taken, error: unknown): Promise<void> {
    const { timeout } = taken;
    const failures = timeout.failures + 1;
    const asks = failures >= FAILURES_UNTIL_PAUSE && !this.place.outageIn?.(error);
    const after = asks ? PAUSED_MS : BACKOFF[Math.min(timeout.failures, BACKOFF.length - 1)]!;
    const failure = this.evidenceOf(taken, error);
    const then = asks
      ? `${failures} times, and is paused until somebody decides`
      : `again in ${after} ms`;
    this.place.log(
      'error',
      `the timeout "${timeout.name}" of ${timeout.saga} ${timeout.key} failed, ${then}: ${failure.message}`,
      { failure },
    );
    await this.place.transactions.run((tx) =>
      this.store.postpone(tx, timeout, after, failure.message),
    );
  }

  private evidenceOf({ timeout, state }: Taken, error: unknown): Pick<Failure, 'message'> {
    const hidden = sealedTexts(state, this.definitions.get(timeout.saga)!.hidden);
    return withoutPersonal(describeError(error), hidden);
  }

  private async forget(): Promise<void> {
    if (this.place.clock.elapsed() < this.forgetAt) return;
    for (const { name, keep } of this.definitions.values()) {
      while (
        !this.stopped &&
        (await this.place.transactions.run((tx) => this.store.forget(tx, name, keep))) > 0
      );
    }
    this.forgetAt = this.place.clock.elapsed() + FORGET_EVERY_MS;
  }
}

const stepIdOf = ({ saga, key, name }: DueTimeout, { version }: StoredSaga): string =>
  idsFor(saga, key, `${name} ${version}`)('step');
