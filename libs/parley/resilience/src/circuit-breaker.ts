import type { ElapsedClock } from './elapsed-clock';
import { SlidingWindow } from './sliding-window';

export interface CircuitBreakerOptions {
  /**
   * It opens when at least this share of the requests failed. Default 0.8: one of two instances
   * that fails does not cut off the other.
   */
  readonly failureRatio: number;
  /** The fewest requests by which the share is judged. Default 20. */
  readonly minimumRequests: number;
  /** It opens after this many failures without a success between them. Default 20. */
  readonly failuresInARow: number;
  /** Milliseconds over which requests are counted. Default 10,000. */
  readonly windowMs: number;
  /** Milliseconds until the first probe; twice as long after each failed one. Default 500. */
  readonly breakMs: number;
  /** Milliseconds between probes at most. Default 2,000. */
  readonly maxBreakMs: number;
  /** Probes, one after the other, that have to succeed before it closes. Default 3. */
  readonly probes: number;
}

export const CIRCUIT_BREAKER: CircuitBreakerOptions = {
  failureRatio: 0.8,
  minimumRequests: 20,
  failuresInARow: 20,
  windowMs: 10_000,
  breakMs: 500,
  maxBreakMs: 2_000,
  probes: 3,
};

/** A failure counts; 'undecided' says nothing about the target. */
export type RequestOutcome = 'success' | 'failure' | 'undecided';
export type CircuitState = 'closed' | 'open' | 'half-open';

/**
 * The right to make one request. Its outcome is reported once. Permits of an earlier state are
 * worthless: a slow request from before a pause does not decide about its end.
 */
export type CircuitPermit = number;

/**
 * Refuses requests to a target that fails, so that callers do not wait for it and it can recover.
 * After a pause single probes are let through; when they succeed, it closes.
 */
export class CircuitBreaker {
  private readonly options: CircuitBreakerOptions;
  private readonly window: SlidingWindow;
  private kind: CircuitState = 'closed';
  private permit: CircuitPermit = 1;
  private failuresInARow = 0;
  private probeFrom = 0;
  private isProbing = false;
  private probesPassed = 0;
  private breakMs: number;
  private closedAt = -Infinity;

  constructor(
    private readonly clock: ElapsedClock,
    options: Partial<CircuitBreakerOptions> = {},
    /** Told of 'open' and 'closed', not of each probe. */
    private readonly changed: (state: 'open' | 'closed') => void = () => undefined,
  ) {
    this.options = { ...CIRCUIT_BREAKER, ...options };
    this.window = new SlidingWindow(this.options.windowMs, clock);
    this.breakMs = this.options.breakMs;
  }

  get state(): CircuitState {
    return this.kind === 'open' && this.clock.elapsed() >= this.probeFrom ? 'half-open' : this.kind;
  }

  /** Undefined: the request must not be made. */
  acquire(): CircuitPermit | undefined {
    if (this.kind === 'closed') return this.permit;
    if (this.isProbing || this.clock.elapsed() < this.probeFrom) return undefined;
    this.kind = 'half-open';
    this.isProbing = true;
    return this.permit;
  }

  report(permit: CircuitPermit, outcome: RequestOutcome): void {
    if (permit !== this.permit) return;
    if (this.kind === 'half-open') this.probed(outcome);
    else if (outcome !== 'undecided') this.count(outcome === 'success');
  }

  private count(ok: boolean): void {
    this.window.note(ok);
    if (ok) this.failuresInARow = 0;
    else {
      this.failuresInARow += 1;
      if (this.isBad()) this.open();
    }
  }

  private isBad(): boolean {
    if (this.failuresInARow >= this.options.failuresInARow) return true;
    const { all, failed } = this.window.counts();
    return all >= this.options.minimumRequests && failed / all >= this.options.failureRatio;
  }

  private probed(outcome: RequestOutcome): void {
    this.isProbing = false;
    if (outcome === 'failure') {
      this.breakMs = Math.min(this.breakMs * 2, this.options.maxBreakMs);
      this.pause();
    } else if (outcome === 'success' && ++this.probesPassed >= this.options.probes) this.close();
  }

  private open(): void {
    // Open again soon after it closed: the outage was not over.
    const isRelapse = this.clock.elapsed() - this.closedAt < this.options.windowMs;
    this.breakMs = isRelapse
      ? Math.min(this.breakMs * 2, this.options.maxBreakMs)
      : this.options.breakMs;
    this.pause();
    this.changed('open');
  }

  private pause(): void {
    this.kind = 'open';
    this.permit += 1;
    this.probesPassed = 0;
    this.probeFrom = this.clock.elapsed() + this.breakMs;
  }

  private close(): void {
    this.kind = 'closed';
    this.permit += 1;
    this.failuresInARow = 0;
    this.window.clear();
    this.closedAt = this.clock.elapsed();
    this.changed('closed');
  }
}
