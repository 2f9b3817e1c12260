import { milliseconds, type Duration } from '@parley/contract';
import type { Clock } from '../clock';
import { describe } from '../message/failure';
import type { RegisteredSubscription } from '../ports/subscription';

/** When a subscription stops trying, and for how long. */
export interface KillSwitchOptions {
  /** It pauses when at least this share of its handlings failed. Default 0.5. */
  readonly rate: number;
  /** … of at least so many. Default 20. */
  readonly least: number;
  /** … within this time. Default 10 s. */
  readonly window: Duration;
  /**
   * How long the first pause is; each that follows upon a failed probe twice as long. Default 1 s.
   */
  readonly firstWait: Duration;
  /** … but no longer than this. Default 30 s. */
  readonly longestWait: Duration;
}

const DEFAULT: KillSwitchOptions = {
  rate: 0.5,
  least: 20,
  window: '10s',
  firstWait: '1s',
  longestWait: '30s',
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
export interface Turn {
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
  readonly admit: (turn: Turn | undefined) => void;
}

/**
 * Pauses one subscription when most of its handlings fail: what they need is down, and trying would
 * only use up their attempts. Messages wait here, uncounted; after each wait one of them is the
 * probe. When it succeeds, all go on.
 */
export class KillSwitch {
  private readonly results: Results;
  private readonly firstWait: number;
  private readonly longestWait: number;
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
    private readonly options: KillSwitchOptions,
    private readonly clock: Clock,
    private readonly changed: (paused: { readonly reason: string } | undefined) => void = () =>
      undefined,
  ) {
    this.results = new Results(milliseconds(options.window), clock);
    this.wait = this.firstWait = milliseconds(options.firstWait);
    this.longestWait = milliseconds(options.longestWait);
  }

  get paused():
    { readonly since: number; readonly reason: string; readonly nextProbe: number } | undefined {
    return this.pause;
  }

  /** A turn at once, or after a pause; undefined: none any more, give the message back. */
  turn(...signals: readonly AbortSignal[]): Turn | undefined | Promise<Turn | undefined> {
    return this.pause ? this.held(signals) : this.regular;
  }

  /** Whoever waits gets no turn: the service is stopping. */
  stop(): void {
    this.stopped = true;
    this.cancelTimer();
    for (const { admit } of [...this.waiting]) admit(undefined);
  }

  private held(signals: readonly AbortSignal[]): Promise<Turn | undefined> {
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

  private readonly regular: Turn = {
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

  private readonly probeTurn: Turn = {
    succeeded: () => this.close(),
    failed: (_, message) => {
      this.probing = false;
      this.wait = Math.min(this.wait * 2, this.longestWait);
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
    return all >= this.options.least && failed / all >= this.options.rate;
  }

  private open(error: unknown): void {
    const now = this.clock.now();
    const { all, failed } = this.results.counts();
    const { error: name, message } = describe(error);
    const reason = `${failed} of ${all} handlings failed within ${this.options.window}, the last with ${name}: ${message}`;
    // What failed again as soon as it went on was not over.
    this.wait =
      this.clock.elapsed() - this.resumed < milliseconds(this.options.window)
        ? Math.min(this.wait * 2, this.longestWait)
        : this.firstWait;
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
class Results {
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

/** Without a kill switch every turn is free. */
const FREE: Turn = { succeeded: () => undefined, failed: () => false, undecided: () => undefined };

/** The kill switches of a process, one for each subscription. */
export class KillSwitches {
  private readonly options?: KillSwitchOptions;
  private readonly switches = new Map<RegisteredSubscription, KillSwitch>();
  private stopped = false;

  constructor(
    options: Partial<KillSwitchOptions> | false | undefined,
    private readonly clock: Clock,
    private readonly log: (level: 'info' | 'error', message: string) => void,
  ) {
    if (options !== false) this.options = { ...DEFAULT, ...options };
  }

  /** @see KillSwitch.turn */
  turn(
    subscription: RegisteredSubscription,
    ...signals: readonly AbortSignal[]
  ): Turn | undefined | Promise<Turn | undefined> {
    if (!this.options) return FREE;
    return (this.switches.get(subscription) ?? this.make(subscription, this.options)).turn(
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

  private make(subscription: RegisteredSubscription, options: KillSwitchOptions): KillSwitch {
    const made = new KillSwitch(options, this.clock, (paused) => {
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
