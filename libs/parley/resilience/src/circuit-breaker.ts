import type { ElapsedClock } from './elapsed-clock';

/** Milliseconds; requests that began within the same ones are counted together. */
const SLICE_MS = 100;

export interface CircuitBreakerOptions {
  /**
   * It opens when at least this share of the requests failed. Default 0.95: clearly above one half,
   * since a target that answers each second or third request is worth asking. Of 20 requests to
   * one that answers each second, 19 fail by chance in 2 of 100,000 cases, to one that answers each
   * third in 3 of 1,000 (binomial distribution); at 0.8, 16 fail in 6 and 150 of 1,000.
   */
  readonly failureRatio: number;
  /** The fewest requests by which the share is judged. Default 20. */
  readonly minimumRequests: number;
  /** Milliseconds within which these began. Default 30,000, as in Polly. */
  readonly windowMs: number;
  /** Milliseconds until the first probe; twice as long after each failed one. Default 500. */
  readonly breakMs: number;
  /** Milliseconds between probes at most. Default 2,000. */
  readonly maxBreakMs: number;
}

export const CIRCUIT_BREAKER: CircuitBreakerOptions = {
  failureRatio: 0.95,
  minimumRequests: 20,
  windowMs: 30_000,
  breakMs: 500,
  maxBreakMs: 2_000,
};

/** A failure counts; 'undecided' says nothing about the target. */
export type RequestOutcome = 'success' | 'failure' | 'undecided';
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Requests that began at about the same time. */
interface Slice {
  /** When the first of them began. */
  readonly from: number;
  all: number;
  failed: number;
  underWay: number;
}

/**
 * The right to make one request. Its outcome is reported once. Permits of an earlier state are
 * worthless: a slow request from before a pause does not decide about its end.
 */
export type CircuitPermit = Slice;

/**
 * Refuses requests to a target that fails, so that callers do not wait for it and it can recover.
 * After a pause single probes are let through; one that succeeds closes it.
 *
 * A failed request is judged together with the latest ones that began no later than it, and those
 * still under way count as good. Of requests made at the same time, the ones that fail at once
 * therefore do not decide before the others had their time; and successes from before an outage
 * do not delay its discovery.
 */
export class CircuitBreaker {
  private readonly options: CircuitBreakerOptions;
  private kind: CircuitState = 'closed';
  /** Requests since it closed, the latest last. */
  private slices: Slice[] = [];
  private probe?: CircuitPermit;
  private probeFrom = 0;
  private breakMs: number;
  private closedAt = -Infinity;

  constructor(
    private readonly clock: ElapsedClock,
    options: Partial<CircuitBreakerOptions> = {},
    /** Told of 'open' and 'closed', not of each probe. */
    private readonly changed: (state: 'open' | 'closed') => void = () => undefined,
  ) {
    this.options = { ...CIRCUIT_BREAKER, ...options };
    this.breakMs = this.options.breakMs;
  }

  get state(): CircuitState {
    return this.kind === 'open' && this.clock.elapsed() >= this.probeFrom ? 'half-open' : this.kind;
  }

  /** Undefined: the request must not be made. */
  acquire(): CircuitPermit | undefined {
    const now = this.clock.elapsed();
    if (this.kind === 'closed') return this.begin(now);
    if (this.probe || now < this.probeFrom) return undefined;
    this.kind = 'half-open';
    return (this.probe = sliceFrom(now));
  }

  report(permit: CircuitPermit, outcome: RequestOutcome): void {
    if (permit === this.probe) {
      this.probed(outcome);
      return;
    }
    permit.underWay -= 1;
    if (outcome === 'undecided') permit.all -= 1;
    if (outcome !== 'failure') return;
    permit.failed += 1;
    if (this.isBad(permit)) this.open();
  }

  private begin(now: number): CircuitPermit {
    let slice = this.slices.at(-1);
    if (!slice || now - slice.from >= SLICE_MS) {
      this.forget(now);
      slice = sliceFrom(now);
      this.slices.push(slice);
    }
    slice.all += 1;
    slice.underWay += 1;
    return slice;
  }

  /** Keeps those with which a request under way will be judged, be its deadline ever so late. */
  private forget(now: number): void {
    const judged = this.slices.find(({ underWay }) => underWay > 0)?.from ?? now;
    const oldest = judged - this.options.windowMs;
    while (this.slices[0] && this.slices[0].from < oldest) this.slices.shift();
  }

  /** False for requests from before it opened. */
  private isBad(latest: Slice): boolean {
    const { failureRatio, minimumRequests, windowMs } = this.options;
    let all = 0;
    let failed = 0;
    for (let index = this.slices.indexOf(latest); index >= 0 && all < minimumRequests; index--) {
      const slice = this.slices[index]!;
      if (latest.from - slice.from > windowMs) break;
      all += slice.all;
      failed += slice.failed;
    }
    return all >= minimumRequests && failed / all >= failureRatio;
  }

  private probed(outcome: RequestOutcome): void {
    this.probe = undefined;
    if (outcome === 'success') this.close();
    else if (outcome === 'failure') {
      this.breakMs = Math.min(this.breakMs * 2, this.options.maxBreakMs);
      this.pause();
    }
  }

  private open(): void {
    // Open again soon after it closed: the outage was not over.
    const isRelapse = this.clock.elapsed() - this.closedAt < this.options.windowMs;
    this.breakMs = isRelapse
      ? Math.min(this.breakMs * 2, this.options.maxBreakMs)
      : this.options.breakMs;
    this.slices = [];
    this.pause();
    this.changed('open');
  }

  private pause(): void {
    this.kind = 'open';
    this.probeFrom = this.clock.elapsed() + this.breakMs;
  }

  private close(): void {
    this.kind = 'closed';
    this.closedAt = this.clock.elapsed();
    this.changed('closed');
  }
}

const sliceFrom = (from: number): Slice => ({ from, all: 0, failed: 0, underWay: 0 });
