import { SlidingWindow } from '@parley/resilience';
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

/** Outcomes of the latest requests to one instance. */
export const recentResults = (clock: Pick<Clock, 'elapsed'>): SlidingWindow =>
  new SlidingWindow(WINDOW_MS, clock);

type Counts = ReturnType<SlidingWindow['counts']>;

/**
 * True when an instance fails so much more often than the best of the others that it is better left
 * out. The best, not their average: several may be sick together.
 */
export function isOutlier(its: Counts, others: readonly Counts[]): boolean {
  const shares = others.filter(({ all }) => all >= MIN_REQUESTS).map(shareOf);
  if (its.all < MIN_REQUESTS || shares.length === 0) return false;
  const share = shareOf(its);
  return share >= MIN_FAILURE_SHARE && share >= TIMES_THE_BEST * Math.min(...shares);
}

const shareOf = ({ all, failed }: Counts): number => failed / all;

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
