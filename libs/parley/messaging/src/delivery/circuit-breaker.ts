import { milliseconds, type Duration } from '@parley/contract';
import type { Clock } from '../clock';
import { describeError } from '../message/failure';
import type { RegisteredSubscription } from '../ports/subscription';

/** When a subscription stops trying, and for how long. */
export interface CircuitBreakerOptions {
  /** It pauses when at least this share of its handlings failed. Default 0.5. */
  readonly failureRatio: number;
  /** … of at least so many. Default 20. */
  readonly minimumThroughput: number;
  /** … within this time. Default 10 s. */
  readonly samplingWindow: Duration;
  /**
   * How long the first pause is; each that follows upon a failed probe twice as long. Default 1 s.
   */
  readonly breakDuration: Duration;
  /** … but no longer than this. Default 30 s. */
  readonly maxBreakDuration: Duration;
}

const DEFAULT: CircuitBreakerOptions = {
  failureRatio: 0.5,
  minimumThroughput: 20,
  samplingWindow: '10s',
  breakDuration: '1s',
  maxBreakDuration: '30s',
};

/**
 * A message's failures during a pause count for nothing this many times; then it is judged like any
 * other, or a poison message would never die.
 */
const EXCUSED = 10;
/**
 * A message is held no longer than this; then it is given back, and another may be the next probe.
 */
const HOLD = 60_000;
const SLICES = 10;
/** Before every window, also that of a process that has just started. */
const LONG_AGO = -Infinity;

/** A subscription that is paused, and why. */
export interface Paused {
  readonly kind: RegisteredSubscription['kind'];
  readonly subscription: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly nextProbe: number;
}

/** Leave to handle a message once; whoever has it says how that ended. */
export interface Permit {
  succeeded(): void;
  /**
   * Whether the failure is excused: the message waits for its next turn, and nothing is counted
   * against it.
   */
  failed(error: unknown, message: string): boolean;
  /** It ended in a way that says nothing about how the next one will fare. */
  undecided(): void;
}

interface Waiting {
  readonly admit: (turn: Permit | undefined) => void;
}

/**
 * Pauses one subscription when most of its handlings fail: what they need is down, and trying would
 * only use up their attempts. Messages wait here, uncounted; after each wait one of them is the
 * probe. When it succeeds, all go on.
 */
export class CircuitBreaker {
  private readonly results: SlidingWindow;
  private readonly breakDuration: number;
  private readonly maxBreakDuration: number;
  private readonly waiting = new Set<Waiting>();
  private readonly excused = new Map<string, number>();
  private pause?: { readonly since: number; readonly reason: string; nextProbe: number };
  /** By the clock that never jumps, as `resumed`. */
  private probeFrom = 0;
  private resumed = -Infinity;
  private wait: number;
  private probing = false;
  private stopped = false;
  private cancelTimer = (): void => undefined;

  constructor(
    private readonly options: CircuitBreakerOptions,
    private readonly clock: Clock,
    private readonly changed: (paused: { readonly reason: string } | undefined) => void = () =>
      undefined,
  ) {
    this.results = new SlidingWindow(milliseconds(options.samplingWindow), clock);
    this.wait = this.breakDuration = milliseconds(options.breakDuration);
    this.maxBreakDuration = milliseconds(options.maxBreakDuration);
  }

  get paused():
    { readonly since: number; readonly reason: string; readonly nextProbe: number } | undefined {
    return this.pause;
  }

  /** A turn at once, or after a pause; undefined: none any more, give the message back. */
  acquire(...signals: readonly AbortSignal[]): Permit | undefined | Promise<Permit | undefined> {
    return this.pause ? this.held(signals) : this.regular;
  }

  /** Whoever waits gets no turn: the service is stopping. */
  stop(): void {
    this.stopped = true;
    this.cancelTimer();
    for (const { admit } of [...this.waiting]) admit(undefined);
  }

  private held(signals: readonly AbortSignal[]): Promise<Permit | undefined> {
    if (this.stopped || signals.some(({ aborted }) => aborted)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const giveBack = () => waiting.admit(undefined);
      const waiting: Waiting = {
        admit: (turn) => {
          this.waiting.delete(waiting);
          cancel();
          for (const signal of signals) signal.removeEventListener('abort', giveBack);
          resolve(turn);
        },
      };
      const cancel = this.clock.after(HOLD, giveBack);
      for (const signal of signals) signal.addEventListener('abort', giveBack);
      this.waiting.add(waiting);
      this.probe();
    });
  }

  /**
   * The one that waits longest is the next probe, so that a poison message does not speak for all.
   */
  private probe(): void {
    if (!this.pause || this.probing || this.clock.elapsed() < this.probeFrom) return;
    const [next] = this.waiting;
    if (!next) return; // whoever comes next is it
    this.probing = true;
    next.admit(this.probeTurn);
  }

  private readonly regular: Permit = {
    succeeded: () => this.results.note(true),
    failed: (error, message) => {
      if (!this.pause) {
        this.results.note(false);
        if (this.isBad()) this.open(error);
      }
      return this.excuses(message);
    },
    undecided: () => undefined,
  };

  private readonly probeTurn: Permit = {
    succeeded: () => this.close(),
    failed: (_, message) => {
      this.probing = false;
      this.wait = Math.min(this.wait * 2, this.maxBreakDuration);
      this.probeAfterWait();
      return this.excuses(message);
    },
    undecided: () => {
      this.probing = false;
      this.probe();
    },
  };

  private isBad(): boolean {
    const { all, failed } = this.results.counts();
    return all >= this.options.minimumThroughput && failed / all >= this.options.failureRatio;
  }

  private open(error: unknown): void {
    const now = this.clock.now();
    const { all, failed } = this.results.counts();
    const { error: name, message } = describeError(error);
    const reason = `${failed} of ${all} handlings failed within ${this.options.samplingWindow}, the last with ${name}: ${message}`;
    // What failed again as soon as it went on was not over.
    this.wait =
      this.clock.elapsed() - this.resumed < milliseconds(this.options.samplingWindow)
        ? Math.min(this.wait * 2, this.maxBreakDuration)
        : this.breakDuration;
    this.pause = { since: now, reason, nextProbe: now };
    this.probeAfterWait();
    this.changed({ reason });
  }

  private probeAfterWait(): void {
    this.pause!.nextProbe = this.clock.now() + this.wait;
    this.probeFrom = this.clock.elapsed() + this.wait;
    this.cancelTimer();
    if (!this.stopped) this.cancelTimer = this.clock.after(this.wait, () => this.due());
  }

  /** A timer may fire a millisecond before the clock says so; nobody would call again. */
  private due(): void {
    this.probeFrom = Math.min(this.probeFrom, this.clock.elapsed());
    this.probe();
  }

  private close(): void {
    this.pause = undefined;
    this.probing = false;
    this.resumed = this.clock.elapsed();
    this.excused.clear();
    this.results.clear();
    this.cancelTimer();
    this.changed(undefined);
    for (const { admit } of [...this.waiting]) admit(this.regular);
  }

  private excuses(message: string): boolean {
    if (!this.pause) return false;
    const before = this.excused.get(message) ?? 0;
    this.excused.set(message, before + 1);
    return before < EXCUSED;
  }
}

/** Results of the last `window` milliseconds, forgotten a slice at a time. */
class SlidingWindow {
  private readonly slices = Array.from({ length: SLICES }, () => ({
    slice: LONG_AGO,
    all: 0,
    failed: 0,
  }));

  constructor(
    private readonly window: number,
    private readonly clock: Clock,
  ) {}

  note(ok: boolean): void {
    const slice = this.now();
    const entry = this.slices[slice % SLICES]!;
    if (entry.slice !== slice) Object.assign(entry, { slice, all: 0, failed: 0 });
    entry.all += 1;
    if (!ok) entry.failed += 1;
  }

  counts(): { readonly all: number; readonly failed: number } {
    const oldest = this.now() - SLICES;
    let all = 0;
    let failed = 0;
    for (const entry of this.slices) {
      if (entry.slice <= oldest) continue;
      all += entry.all;
      failed += entry.failed;
    }
    return { all, failed };
  }

  clear(): void {
    for (const entry of this.slices) entry.slice = LONG_AGO;
  }

  private readonly now = (): number => Math.floor((this.clock.elapsed() * SLICES) / this.window);
}

/** Without a circuit breaker every turn is free. */
const FREE_PERMIT: Permit = {
  succeeded: () => undefined,
  failed: () => false,
  undecided: () => undefined,
};

/** The circuit breakeres of a process, one for each subscription. */
export class CircuitBreakers {
  private readonly options?: CircuitBreakerOptions;
  private readonly switches = new Map<RegisteredSubscription, CircuitBreaker>();
  private stopped = false;

  constructor(
    options: Partial<CircuitBreakerOptions> | false | undefined,
    private readonly clock: Clock,
    private readonly log: (level: 'info' | 'error', message: string) => void,
  ) {
    if (options !== false) this.options = { ...DEFAULT, ...options };
  }

  /** @see CircuitBreaker.acquire */
  turn(
    subscription: RegisteredSubscription,
    ...signals: readonly AbortSignal[]
  ): Permit | undefined | Promise<Permit | undefined> {
    if (!this.options) return FREE_PERMIT;
    return (this.switches.get(subscription) ?? this.make(subscription, this.options)).acquire(
      ...signals,
    );
  }

  isPaused(subscription: RegisteredSubscription): boolean {
    return this.switches.get(subscription)?.paused !== undefined;
  }

  paused(): readonly Paused[] {
    return [...this.switches].flatMap(([{ kind, name }, { paused }]) =>
      paused ? [{ kind, subscription: name, ...paused }] : [],
    );
  }

  /** What is held is given back, so that a drain need not wait for it. */
  stop(): void {
    this.stopped = true;
    for (const one of this.switches.values()) one.stop();
  }

  private make(
    subscription: RegisteredSubscription,
    options: CircuitBreakerOptions,
  ): CircuitBreaker {
    const made = new CircuitBreaker(options, this.clock, (paused) => {
      if (paused)
        this.log(
          'error',
          `${subscription.name} is paused, its ${subscription.kind}s wait: ${paused.reason}`,
        );
      else this.log('info', `${subscription.name} goes on`);
    });
    if (this.stopped) made.stop();
    this.switches.set(subscription, made);
    return made;
  }
}
