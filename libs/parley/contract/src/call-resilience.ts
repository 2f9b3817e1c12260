import { ContractError } from './contract-error';
import { milliseconds, type Duration } from './duration';

/** How a call fails, as its contract says it. */
export interface ResilienceDefinition<Request = unknown, Reply = unknown> {
  /**
   * False: each call is made, however many failed. Default true: calls are refused while nearly all
   * of them fail.
   */
  readonly circuitBreaker?: boolean;
  /** Calls that one process makes at the same time; one more is refused. Default 1,000. */
  readonly bulkhead?: number;
  /**
   * True: a call that takes longer than 95 % of the recent ones is made a second time, at another
   * instance if there is one; the first reply counts. For idempotent calls. Default false.
   */
  readonly hedge?: boolean;
  /**
   * While the owner cannot answer, the last reply to the same request, if it is at most this old.
   * For idempotent calls. Default: none.
   */
  readonly stale?: Duration;
  /**
   * The reply while the owner cannot answer and there is no stale one. For idempotent calls.
   * Default: none.
   */
  readonly fallback?: (request: Request) => Reply;
  /**
   * False: the owner handles as many at the same time as come. Default true: it refuses those that
   * it could only answer late.
   */
  readonly limit?: boolean;
}

/** How a stream fails: nothing replaces its items, and it is not asked for twice at once. */
export type StreamResilience = Pick<ResilienceDefinition, 'circuitBreaker' | 'bulkhead' | 'limit'>;

/** The definition with its defaults, and without the types of one contract. */
export interface CallResilience {
  readonly circuitBreaker: boolean;
  readonly bulkhead: number;
  readonly hedge: boolean;
  /** Milliseconds. */
  readonly stale?: number;
  readonly fallback?: (request: never) => unknown;
  readonly limit: boolean;
}

/** @throws ContractError */
export function resilienceOf<Request, Reply>(
  name: string,
  definition: ResilienceDefinition<Request, Reply> = {},
  idempotent: boolean,
): CallResilience {
  const { circuitBreaker = true, bulkhead = 1_000, hedge = false, limit = true } = definition;
  if (!Number.isInteger(bulkhead) || bulkhead < 1)
    throw new ContractError(`${name}: bulkhead ${bulkhead} is not a whole number from 1`);
  const reading = (['hedge', 'stale', 'fallback'] as const).find((option) => definition[option]);
  if (reading && !idempotent)
    throw new ContractError(
      `${name}: ${reading} is for calls that may be made twice; add "idempotent: true", or leave it out`,
    );
  return {
    circuitBreaker,
    bulkhead,
    hedge,
    limit,
    ...(definition.stale !== undefined && { stale: milliseconds(definition.stale) }),
    ...(definition.fallback && { fallback: definition.fallback }),
  };
}
