import { milliseconds, type Duration } from '@parley/contract';
import { SlidingWindow } from '@parley/resilience';
import type { Clock } from '../clock';
import { describeError, withoutPersonal } from '../message/failure';

/** When a subscription pauses, and for how long. */
export interface CircuitBreakerOptions {
  /** It pauses when at least this share of its handlings failed. Default 0.5. */
  readonly failureRatio: number;
  /** The fewest handlings by which the share is judged. Default 20. */
  readonly minimumThroughput: number;
  /** The time over which they are counted. Default 10 s. */
  readonly samplingWindow: Duration;
  /** The length of the first pause; each one after a failed probe is twice as long. Default 1 s. */
  readonly breakDuration: Duration;
  /** The longest pause. Default 30 s. */
  readonly maxBreakDuration: Duration;
}

/**
 * Failures of one message during a pause that are not counted against it. Later ones are, or a
 * poison message would never die.
 */
const MAX_EXCUSED_FAILURES = 10;
/** The longest wait of a message; then it is given back, and another one may be the next probe. */
const MAX_WAIT_MS = 60_000;

/** Permit for one attempt; the holder reports the result. */
export interface Permit {
  succeeded(): void;
  /**
   * True when the failure is excused: the message waits for its next permit, and nothing is counted
   * against it. `personal` are the texts that the reason of a pause must not show. Default: none.
   */
  failed(error: unknown, message: string, personal?: () => readonly string[]): boolean;
  /** Reports an end of the handling that does not predict the next one. */
  undecided(): void;
}

/** A pause, as operations show it. */
export interface Pause {
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Milliseconds since the epoch. */
  readonly nextProbe: number;
}

interface Broken extends Pause {
  /** When the next probe may begin, by the clock that never jumps. */
  readonly probeFrom: number;
}

type State =
  /** Every message gets a permit at once. */
  | { readonly kind: 'closed' }
  /** Messages wait for the next probe. */
  | ({ readonly kind: 'open' } & Broken)
  /** One message is handled as the probe; the others wait for its result. */
  | ({ readonly kind: 'half-open' } & Broken);

interface Waiting {
  readonly admit: (permit: Permit | undefined) => void;
}

/**
 * Pauses one subscription when most of its handlings fail: something that they all need is down,
 * and trying would only use up their attempts. Messages wait here, uncounted; after each wait one
 * of them is the probe. When it succeeds, all go on.
 */
export class CircuitBreaker {
  private state: State = { kind: 'closed' };
  private readonly results: SlidingWindow;
  private readonly samplingWindowMs: number;
  private readonly breakMs: number;
  private readonly maxBreakMs: number;
  private readonly waiting = new Set<Waiting>();
  /** Excused failures of this pause, by message. */
  private readonly excused = new Map<string, number>();
  /** When the last pause ended, by the clock that never jumps. */
  private closedAt = -Infinity;
  /** Milliseconds until the next probe of an open breaker. */
  private waitMs: number;
  private stopped = false;
  private cancelTimer = (): void => undefined;

  constructor(
    private readonly options: CircuitBreakerOptions,
    private readonly clock: Clock,
    private readonly changed: (pause: { readonly reason: string } | undefined) => void = () =>
      undefined,
  ) {
    this.samplingWindowMs = milliseconds(options.samplingWindow);
    this.results = new SlidingWindow(this.samplingWindowMs, clock);
    this.waitMs = this.breakMs = milliseconds(options.breakDuration);
    this.maxBreakMs = milliseconds(options.maxBreakDuration);
  }

  get paused(): Pause | undefined {
    return this.state.kind === 'closed' ? undefined : this.state;
  }

  /**
   * A permit, at once or after a pause; undefined when there are no more permits and the message
   * must be given back.
   */
  acquire(...signals: readonly AbortSignal[]): Permit | undefined | Promise<Permit | undefined> {
    return this.state.kind === 'closed' ? this.regular : this.permitAfterPause(signals);
  }

  /** Messages that wait get no permit: the service is stopping. */
  stop(): void {
    this.stopped = true;
    this.cancelTimer();
    for (const { admit } of [...this.waiting]) admit(undefined);
  }

  private permitAfterPause(signals: readonly AbortSignal[]): Promise<Permit | undefined> {
    if (this.stopped || signals.some(({ aborted }) => aborted)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const giveBack = () => waiting.admit(undefined);
      const waiting: Waiting = {
        admit: (permit) => {
          this.waiting.delete(waiting);
          cancel();
          for (const signal of signals) signal.removeEventListener('abort', giveBack);
          resolve(permit);
        },
      };
      const cancel = this.clock.after(MAX_WAIT_MS, giveBack);
      for (const signal of signals) signal.addEventListener('abort', giveBack);
      this.waiting.add(waiting);
      this.probe();
    });
  }

  /**
   * Makes the message that waits longest the next probe, so that a poison message does not decide
   * for all. When none waits, the next one that comes is it.
   */
  private probe(): void {
    const { state } = this;
    if (state.kind !== 'open' || this.clock.elapsed() < state.probeFrom) return;
    const [next] = this.waiting;
    if (!next) return;
    this.state = { ...state, kind: 'half-open' };
    next.admit(this.probing);
  }

  private readonly regular: Permit = {
    succeeded: () => this.results.note(true),
    failed: (error, message, personal) => {
      if (this.state.kind === 'closed') {
        this.results.note(false);
        if (this.isBad()) this.open(error, personal?.() ?? []);
      }
      return this.excuses(message);
    },
    undecided: () => undefined,
  };

  private readonly probing: Permit = {
    succeeded: () => this.close(),
    failed: (_, message) => {
      this.waitMs = Math.min(this.waitMs * 2, this.maxBreakMs);
      this.waitForProbe(this.state as Broken);
      return this.excuses(message);
    },
    undecided: () => {
      this.state = { ...(this.state as Broken), kind: 'open' };
      this.probe();
    },
  };

  private isBad(): boolean {
    const { all, failed } = this.results.counts();
    return all >= this.options.minimumThroughput && failed / all >= this.options.failureRatio;
  }

  private open(thrown: unknown, personal: readonly string[]): void {
    const { all, failed } = this.results.counts();
    const { error, message } = withoutPersonal(describeError(thrown), personal);
    const reason = `${failed} of ${all} handlings failed within ${this.options.samplingWindow}, the last with ${error}: ${message}`;
    // A new failure right after a pause: the outage was not over.
    this.waitMs =
      this.clock.elapsed() - this.closedAt < this.samplingWindowMs
        ? Math.min(this.waitMs * 2, this.maxBreakMs)
        : this.breakMs;
    this.waitForProbe({ since: this.clock.now(), reason });
    this.changed({ reason });
  }

  private waitForProbe({ since, reason }: Pick<Pause, 'since' | 'reason'>): void {
    this.state = {
      kind: 'open',
      since,
      reason,
      nextProbe: this.clock.now() + this.waitMs,
      probeFrom: this.clock.elapsed() + this.waitMs,
    };
    this.cancelTimer();
    if (!this.stopped) this.cancelTimer = this.clock.after(this.waitMs, () => this.probeIsDue());
  }

  /**
   * Checks again: a timer may fire a millisecond before the clock reaches its time, and nothing
   * would call again.
   */
  private probeIsDue(): void {
    const { state } = this;
    if (state.kind !== 'open') return;
    this.state = { ...state, probeFrom: Math.min(state.probeFrom, this.clock.elapsed()) };
    this.probe();
  }

  private close(): void {
    this.state = { kind: 'closed' };
    this.closedAt = this.clock.elapsed();
    this.excused.clear();
    this.results.clear();
    this.cancelTimer();
    this.changed(undefined);
    for (const { admit } of [...this.waiting]) admit(this.regular);
  }

  private excuses(message: string): boolean {
    if (this.state.kind === 'closed') return false;
    const before = this.excused.get(message) ?? 0;
    this.excused.set(message, before + 1);
    return before < MAX_EXCUSED_FAILURES;
  }
}
