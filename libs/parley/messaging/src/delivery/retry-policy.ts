import { milliseconds } from '@parley/contract';
import { InvalidMessageError } from '../message/codec';
import { UnrecoverableError } from '../message/failure';
import type { HandlerOptions } from '../ports/subscription';

/** When a failed handling is tried again. */
export interface RetryPolicy {
  /** Tries straight away, after each delivery. */
  readonly immediate: number;
  /** Milliseconds until each further delivery. */
  readonly delays: readonly number[];
}

const DEFAULT: RetryPolicy = { immediate: 3, delays: [1_000, 10_000, 60_000] };
const JITTER = 0.2;

export function retryPolicy({ retry }: HandlerOptions): RetryPolicy {
  return {
    immediate: retry?.immediate ?? DEFAULT.immediate,
    delays: retry?.delays?.map(milliseconds) ?? DEFAULT.delays,
  };
}

/** How long to wait before the delivery after this one; undefined: never again. */
export function delayAfter(
  policy: RetryPolicy,
  attempt: number,
  random: () => number,
): number | undefined {
  const delay = policy.delays[attempt - 1];
  return delay === undefined ? undefined : Math.round(delay * (1 + JITTER * random()));
}

/** True when trying again can help. */
export const isRecoverable = (error: unknown): boolean =>
  !(error instanceof UnrecoverableError || error instanceof InvalidMessageError);
