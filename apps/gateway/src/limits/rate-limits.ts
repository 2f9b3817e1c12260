import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { withTimeout } from '@parley/messaging/transport';
import { withoutSecretsInText } from '@parley/observability';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { LimiterStore } from './limiter-store';

/** Requests in a time; null: any number. */
export type Limit = { readonly requests: number; readonly seconds: number } | null;

/** Reads change nothing; writes place orders, and cost more. */
export type RequestKind = 'reads' | 'writes';

/** The rest of a client's limit, after a request was counted. */
export interface Allowance {
  readonly kind: RequestKind;
  readonly limit: NonNullable<Limit>;
  readonly isOver: boolean;
  readonly remaining: number;
  /** Seconds until the counting starts again. */
  readonly resetSeconds: number;
}

/** The time between two warnings about a store that does not answer. */
const WARNING_INTERVAL_MS = 60_000;
/** The longest wait of a request for the store, and the time without a question after a failure. */
const STORE_TIMEOUT_MS = 250;
const STORE_PAUSE_MS = 1_000;

/** The limit of one kind of requests, and its counters. */
interface Counters {
  readonly limit: NonNullable<Limit>;
  readonly memory: RateLimiterAbstract;
  readonly shared?: RateLimiterAbstract;
}

/**
 * Counts the requests of each client. All instances of the edge share a store in Redis or
 * PostgreSQL; without one, and while it is away, each counts for itself.
 */
export class RateLimits implements OnApplicationShutdown {
  private readonly logger = new Logger('edge');
  private readonly counters = new Map<RequestKind, Counters>();
  private warnedAt = -Infinity;
  private failedAt = -Infinity;

  constructor(
    limits: Readonly<Record<RequestKind, Limit>>,
    private readonly store?: LimiterStore,
  ) {
    for (const kind of ['reads', 'writes'] as const) {
      const limit = limits[kind];
      if (limit) this.counters.set(kind, this.countersOf(kind, limit));
    }
  }

  /** True when requests of this kind have a limit. */
  has(kind: RequestKind): boolean {
    return this.counters.has(kind);
  }

  /** Counts a request. Returns undefined where there is no limit. */
  async count(client: string, kind: RequestKind): Promise<Allowance | undefined> {
    const counters = this.counters.get(kind);
    if (!counters) return undefined;
    const { limit, memory } = counters;
    const shared = await this.countedTogether(counters, client);
    const { remainingPoints, msBeforeNext, isOver } = shared ?? (await counted(memory, client));
    const resetSeconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
    return { kind, limit, isOver, remaining: Math.max(0, remainingPoints), resetSeconds };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store?.close();
  }

  private countersOf(kind: RequestKind, limit: NonNullable<Limit>): Counters {
    const options = {
      keyPrefix: `parley_rate_${kind}`,
      points: limit.requests,
      duration: limit.seconds,
    };
    return {
      limit,
      memory: new RateLimiterMemory(options),
      // A client that is over its limit costs the store nothing.
      shared: this.store?.limiter(
        { ...options, inMemoryBlockOnConsumed: limit.requests },
        (error) => this.warn(error),
      ),
    };
  }

  /** Returns undefined when the store does not answer. */
  private async countedTogether(
    { shared }: Counters,
    client: string,
  ): Promise<Counted | undefined> {
    if (!shared || performance.now() - this.failedAt < STORE_PAUSE_MS) return undefined;
    try {
      return await withTimeout(
        STORE_TIMEOUT_MS,
        counted(shared, client),
        () => new Error(`no answer within ${STORE_TIMEOUT_MS} ms`),
      );
    } catch (error) {
      this.failedAt = performance.now();
      this.warn(error);
      return undefined;
    }
  }

  private warn(error: unknown): void {
    if (performance.now() - this.warnedAt < WARNING_INTERVAL_MS) return;
    this.warnedAt = performance.now();
    const message = withoutSecretsInText(error instanceof Error ? error.message : String(error));
    this.logger.warn(
      `the store of rate limits does not answer; each instance counts for itself: ${message}`,
    );
  }
}

type Counted = Pick<RateLimiterRes, 'remainingPoints' | 'msBeforeNext'> & {
  readonly isOver: boolean;
};

/** The library rejects with its result when a client is over its limit. */
async function counted(limiter: RateLimiterAbstract, client: string): Promise<Counted> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(client);
    return { remainingPoints, msBeforeNext, isOver: false };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { remainingPoints: 0, msBeforeNext: error.msBeforeNext, isOver: true };
  }
}
