import type { ElapsedClock } from './elapsed-clock';

export interface RetryBudgetOptions {
  /** Further requests per request. Default 0.2. */
  readonly ratio: number;
  /**
   * Further requests a second that a caller of few requests may make: requests further apart than
   * this allows bring more than `ratio` each, at most 1. Default 1.
   */
  readonly perSecond: number;
  /** Further requests that a new target may get at once. Default 10. */
  readonly initial: number;
  /** Further requests that are saved up at most, for a moment in which many fail. Default 100. */
  readonly most: number;
}

const RETRY_BUDGET: RetryBudgetOptions = {
  ratio: 0.2,
  perSecond: 1,
  initial: 10,
  most: 100,
};

/**
 * A token bucket for the retries and hedges of one target: each request brings a fifth of a token,
 * each further try takes one. A target that fails is so asked 1.2 times as often, not 4 times.
 */
export class RetryBudget {
  private readonly options: RetryBudgetOptions;
  private tokens: number;
  private requestAt: number;

  constructor(
    private readonly clock: ElapsedClock,
    options: Partial<RetryBudgetOptions> = {},
  ) {
    this.options = { ...RETRY_BUDGET, ...options };
    this.tokens = this.options.initial;
    this.requestAt = clock.elapsed();
  }

  /** Counts a request that is not itself a further try. */
  request(): void {
    const { ratio, perSecond, most } = this.options;
    const now = this.clock.elapsed();
    const idle = Math.min(1, ((now - this.requestAt) / 1_000) * perSecond);
    this.requestAt = now;
    this.tokens = Math.min(most, this.tokens + Math.max(ratio, idle));
  }

  /** True when one more try may be made; it is counted. */
  take(): boolean {
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Further tries that may be made right now. */
  get left(): number {
    return Math.floor(this.tokens);
  }
}
