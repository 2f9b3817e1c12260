import type { ElapsedClock } from './elapsed-clock';

export interface ConcurrencyLimitOptions {
  /**
   * Milliseconds that an answer may take without a limit on the number of requests, however fast
   * answers usually are. Waiting for less than this harms no caller.
   */
  readonly tolerableMs: number;
  /** Requests at the same time. Defaults 1,000, 10, 1,000. */
  readonly initial: number;
  readonly least: number;
  readonly most: number;
  /** The share of the limit that batch requests may use. Default 0.7. */
  readonly batchShare: number;
  /** Milliseconds over which latencies are averaged, and requests they need at least. 500, 10. */
  readonly windowMs: number;
  readonly minimumSamples: number;
}

const CONCURRENCY_LIMIT: Omit<ConcurrencyLimitOptions, 'tolerableMs'> = {
  initial: 1_000,
  least: 10,
  most: 1_000,
  batchShare: 0.7,
  windowMs: 500,
  minimumSamples: 10,
};

/** Latencies may rise by this factor above the usual before the limit falls. */
const TOLERANCE = 1.5;
/** Weight of a window in the usual latency: 2 % in half a second, most of it in a minute. */
const USUAL_WEIGHT = 0.02;
/** Growth of the usual latency per window while requests are refused: twice in half an hour. */
const REFUSING_GROWTH = 1.0002;

export type Priority = 'interactive' | 'batch';

/**
 * Limits the requests that are handled at the same time, by their latency: the gradient between the
 * usual latency and that of the last window (Netflix's Gradient2) lowers the limit, the square root
 * of the limit raises it. Unlike there, the usual latency does not follow while requests are
 * refused, or an overload would become the usual, and latencies below `tolerableMs` lower nothing.
 */
export class ConcurrencyLimit {
  private readonly options: ConcurrencyLimitOptions;
  private limit: number;
  private active = 0;
  private peak = 0;
  private refused = 0;
  private sum = 0;
  private samples = 0;
  private usual: number | undefined;
  private windowEnd: number;

  constructor(
    private readonly clock: ElapsedClock,
    options: Pick<ConcurrencyLimitOptions, 'tolerableMs'> & Partial<ConcurrencyLimitOptions>,
  ) {
    this.options = { ...CONCURRENCY_LIMIT, ...options };
    this.limit = this.options.initial;
    this.windowEnd = clock.elapsed() + this.options.windowMs;
  }

  /** Requests that may be handled at the same time. */
  get current(): number {
    return Math.floor(this.limit);
  }

  get tolerableMs(): number {
    return this.options.tolerableMs;
  }

  get inFlight(): number {
    return this.active;
  }

  /** False: refuse the request. Each true is followed by one `leave`. */
  enter(priority: Priority = 'interactive'): boolean {
    const { limit } = this;
    const allowed = priority === 'batch' ? limit * this.options.batchShare : limit;
    if (this.active + 1 > allowed) {
      this.refused += 1;
      return false;
    }
    this.active += 1;
    if (this.active > this.peak) this.peak = this.active;
    return true;
  }

  /** @param now of the clock, where the caller knows it already */
  leave(latencyMs: number, now = this.clock.elapsed()): void {
    this.active -= 1;
    this.sum += latencyMs;
    this.samples += 1;
    if (now >= this.windowEnd && this.samples >= this.options.minimumSamples) this.adapt(now);
  }

  private adapt(now: number): void {
    const latency = this.sum / this.samples;
    const usual = this.usualAfter(latency);
    this.usual = usual;
    const { initial, most, tolerableMs } = this.options;
    const allowed = Math.max(usual * TOLERANCE, tolerableMs);
    if (latency > allowed) this.fall(allowed / latency);
    // Fewer requests than half of the limit do not show that more could be answered; but the limit
    // returns to where it began.
    else if (this.peak >= this.limit / 2 || this.limit < initial)
      this.limit = Math.min(most, this.limit + Math.sqrt(this.limit));
    this.peak = this.active;
    this.sum = this.samples = this.refused = 0;
    this.windowEnd = now + this.options.windowMs;
  }

  /**
   * To the requests that were there at once, in the proportion of the latencies: by Little's law as
   * many are answered within the allowed time.
   */
  private fall(gradient: number): void {
    const aim = Math.min(this.limit, this.peak) * gradient;
    this.limit = Math.max(this.options.least, aim + Math.sqrt(aim));
  }

  private usualAfter(latency: number): number {
    const { usual } = this;
    if (usual === undefined) return latency;
    if (latency > usual && this.refused > 0) return usual * REFUSING_GROWTH;
    // Faster again after a slow time: at once, or the limit would stay too high.
    if (latency < usual / 2) return (usual + latency) / 2;
    return usual + Math.min(latency - usual, usual) * USUAL_WEIGHT;
  }
}
