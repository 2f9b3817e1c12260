import type { Kind } from '@parley/contract';
import type { Clock } from '../clock';
import { currentConversation, inConversation } from '../message/handler-context';
import type { Ending } from '../ports/tx';
import type { TransportContext } from '../ports/transport';

/** Milliseconds after its timeout in which a handler may end by itself, on its aborted signal. */
export const GRACE_MS = 5_000;
/**
 * Milliseconds of delay beyond which a timer shows that the process stood still: no handler is
 * ended for that time.
 */
const BLOCKED_MS = 1_000;

/**
 * A handler did not end within its timeout plus the grace. Its transaction is closed: its later
 * work has no effect.
 */
export class HandlerTimeoutError extends Error {
  override readonly name = 'HandlerTimeoutError';
  constructor({ what, timeout }: Pick<RunFacts, 'what' | 'timeout'>, grace: number) {
    super(
      `${what} did not end within its timeout of ${timeout} ms plus ${grace} ms; what it still does has no effect`,
    );
  }
}

/** The process stops without waiting for this handler any longer. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  constructor({ what }: Pick<RunFacts, 'what'>) {
    super(`${what} did not end before the process stopped; what it still does has no effect`);
  }
}

/** Facts of a run that are known before it begins. */
export interface RunFacts {
  readonly kind: Kind;
  readonly contract: string;
  /** Absent for calls. */
  readonly subscription?: string;
  /** Of the message; of a batch's first one. */
  readonly id: string;
  /** `StockController.reserve` */
  readonly what: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** A handler that is over its timeout and still running. */
export interface Overdue extends Omit<RunFacts, 'timeout' | 'what'> {
  readonly handler: string;
  /** Milliseconds since it began. */
  readonly age: number;
  /**
   * True when it was ended: its message is delivered again, or is a dead letter, although its code
   * still runs.
   */
  readonly ended: boolean;
}

/** One run of a handler, with the transactions that it opens. */
export class HandlerRun implements Ending {
  ended?: Error;
  /** By `elapsed` of the clock. */
  private began: number;
  /** When it is ended, by `elapsed` of the clock. */
  bound: number;
  private readonly closing = new Set<() => void>();
  private readonly conversation = currentConversation();
  private controller?: AbortController;
  private cancelTimer?: () => void;

  constructor(
    readonly facts: RunFacts,
    grace: number,
    private readonly clock: Clock,
    private readonly boundMoved: (bound: number) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.began = clock.elapsed();
    this.bound = this.began + facts.timeout + grace;
  }

  /** Milliseconds since it began. */
  get age(): number {
    return this.clock.elapsed() - this.began;
  }

  /**
   * Aborted at the timeout, or with one of `others`. Lazy: few handlers read `signal`, and a timer
   * a message is costly.
   */
  signal(others: readonly AbortSignal[]): AbortSignal {
    this.controller ??= this.timed(new AbortController());
    return AbortSignal.any([...others, this.controller.signal]);
  }

  onEnd(close: () => void): () => void {
    this.closing.add(close);
    return () => this.closing.delete(close);
  }

  pause(): () => void {
    const [since, bound] = [this.clock.elapsed(), this.bound];
    this.bound = Infinity;
    return () => {
      const waited = this.clock.elapsed() - since;
      this.began += waited;
      this.bound = bound + waited;
      this.boundMoved(this.bound);
    };
  }

  /** Runs `work` in the conversation of this run, if any, instead of the caller's. */
  inItsConversation(work: () => void): void {
    inConversation(this.conversation, work);
  }

  /** @throws the reason for which the run was ended */
  refuseIfEnded(): void {
    if (this.ended) throw this.ended;
  }

  /** Ends the run: its later work takes no effect. */
  end(error: Error): void {
    this.ended = error;
    this.settled();
    this.controller?.abort(error);
    for (const close of this.closing) close();
    this.closing.clear();
    this.reject(error);
  }

  settled(): void {
    this.cancelTimer?.();
  }

  private timed(controller: AbortController): AbortController {
    const late = () =>
      controller.abort(
        new DOMException(
          `${this.facts.what} is over its timeout of ${this.facts.timeout} ms`,
          'TimeoutError',
        ),
      );
    if (this.ended) controller.abort(this.ended);
    else
      this.cancelTimer = this.clock.after(
        Math.max(0, Math.ceil(this.facts.timeout - this.age)),
        late,
      );
    return controller;
  }
}

/** All handlers that run in this process. Ends those that do not end by themselves. */
export class HandlerRuns {
  private readonly running = new Set<HandlerRun>();
  /** Runs that were ended while their code still runs. */
  private readonly lost = new Set<HandlerRun>();
  /** Cancels the one timer, which fires at the earliest bound. */
  private dueAt = Infinity;
  private cancelTimer?: () => void;

  constructor(
    private readonly clock: Clock,
    private readonly log: TransportContext['log'],
    /** Milliseconds. */
    private readonly grace = GRACE_MS,
  ) {}

  /**
   * Runs `work`, which ends at its timeout plus the grace whether it listens to its signal or not.
   * @throws HandlerTimeoutError
   */
  bounded<T>(facts: RunFacts, work: (run: HandlerRun) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = new HandlerRun(facts, this.grace, this.clock, this.lookBy, reject);
      this.running.add(run);
      this.lookBy(run.bound);
      work(run).then(
        (result) => (this.settled(run), resolve(result)),
        (error) => (this.settled(run), reject(error)),
      );
    });
  }

  /** Runs over their timeout and still running, the oldest first. */
  overdue(): readonly Overdue[] {
    const late = [
      ...this.lost,
      ...[...this.running].filter(({ age, facts }) => age >= facts.timeout),
    ];
    return late.map(overdueOf).sort((a, b) => b.age - a.age);
  }

  /** Ends every run: the process stops. */
  stop(): void {
    this.cancelTimer?.();
    for (const run of this.running) this.end(run, new StoppedError(run.facts));
  }

  private settled(run: HandlerRun): void {
    run.settled();
    this.running.delete(run);
    this.lost.delete(run);
  }

  private readonly lookBy = (bound: number): void => {
    if (bound < this.dueAt) this.lookAt(bound);
  };

  /**
   * The timer stays set when its run is over: setting one for each run would cost more than firing
   * for nothing.
   */
  private lookAt(bound: number): void {
    this.cancelTimer?.();
    this.dueAt = bound;
    this.cancelTimer = this.clock.after(
      Math.max(0, Math.ceil(bound - this.clock.elapsed())),
      () => this.look(),
      { ref: false },
    );
  }

  private look(): void {
    const now = this.clock.elapsed();
    if (now - this.dueAt > BLOCKED_MS)
      for (const run of this.running) run.bound = Math.max(run.bound, now + this.grace);
    this.dueAt = Infinity;
    // Ends one run at a time: others may only have waited for its locks, which does not count as
    // their own time.
    const [first] = this.byBound();
    if (first && first.bound <= now) this.expire(first);
    const [next] = this.byBound();
    if (next) this.lookBy(next.bound);
  }

  private byBound(): readonly HandlerRun[] {
    return [...this.running].sort((a, b) => a.bound - b.bound);
  }

  private expire(run: HandlerRun): void {
    const { contract, id, subscription } = run.facts;
    const error = new HandlerTimeoutError(run.facts, this.grace);
    const where = subscription === undefined ? '' : ` in ${subscription}`;
    // Logs in the conversation of this run: the timer runs in that of the run that set it.
    run.inItsConversation(() => this.log('warn', `${contract} ${id}${where}: ${error.message}`));
    this.end(run, error);
  }

  private end(run: HandlerRun, error: Error): void {
    this.running.delete(run);
    this.lost.add(run);
    run.end(error);
  }
}

function overdueOf({ facts, age, ended }: HandlerRun): Overdue {
  const { kind, contract, subscription, id, what } = facts;
  return {
    kind,
    contract,
    subscription,
    id,
    handler: what,
    age: Math.round(age),
    ended: ended !== undefined,
  };
}
