import type { Clock } from '../../clock';

/** Milliseconds over which requests and failures are counted. */
const WINDOW_MS = 10_000;
/** Requests in the window, below which an instance is never ejected. */
const MIN_REQUESTS = 20;
/** Share of failures, below which an instance is never ejected. */
const MIN_FAILURE_SHARE = 0.2;
/** An outlier fails so many times as often as the best other instance. */
const TIMES_THE_BEST = 3;
/** Milliseconds that an outlier is left out for the first time; doubled each time. */
const FIRST_EJECTION_MS = 5_000;
const LONGEST_EJECTION_MS = 60_000;
/** Milliseconds after an ejection in which another one is longer. */
const REMEMBERED_MS = 120_000;

/** Requests and failures of one instance in the last ten to twenty seconds. */
export class FailureCount {
  requests = 0;
  failures = 0;
  private before = { requests: 0, failures: 0 };
  private since: number;

  constructor(private readonly clock: Pick<Clock, 'elapsed'>) {
    this.since = clock.elapsed();
  }

  add(isFailure: boolean): void {
    const age = this.clock.elapsed() - this.since;
    if (age >= WINDOW_MS) this.turn(age);
    this.requests++;
    if (isFailure) this.failures++;
  }

  get totals(): { readonly requests: number; readonly failures: number } {
    return {
      requests: this.requests + this.before.requests,
      failures: this.failures + this.before.failures,
    };
  }

  clear(): void {
    this.turn(2 * WINDOW_MS);
  }

  private turn(age: number): void {
    const { requests, failures } = this;
    this.before = age < 2 * WINDOW_MS ? { requests, failures } : { requests: 0, failures: 0 };
    this.requests = this.failures = 0;
    this.since = this.clock.elapsed();
  }
}

type Totals = FailureCount['totals'];

/**
 * Whether an instance fails so much more often than the best of the others that it is better left
 * out. The best, not their average: several may be sick together.
 */
export function isOutlier(its: Totals, others: readonly Totals[]): boolean {
  const shares = others.filter(({ requests }) => requests >= MIN_REQUESTS).map(shareOf);
  if (its.requests < MIN_REQUESTS || shares.length === 0) return false;
  const share = shareOf(its);
  return share >= MIN_FAILURE_SHARE && share >= TIMES_THE_BEST * Math.min(...shares);
}

const shareOf = ({ requests, failures }: Totals): number => failures / requests;

/** How long an instance is left out: longer each time it has to be soon after the last. */
export class Ejection {
  until = -Infinity;
  times = 0;

  constructor(private readonly clock: Pick<Clock, 'elapsed'>) {}

  get isOver(): boolean {
    return this.clock.elapsed() >= this.until;
  }

  begin(): void {
    const now = this.clock.elapsed();
    this.times = now - this.until < REMEMBERED_MS ? this.times + 1 : 1;
    this.until = now + Math.min(LONGEST_EJECTION_MS, FIRST_EJECTION_MS * 2 ** (this.times - 1));
  }
}
