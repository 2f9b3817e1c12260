import {
  AlreadyHandledError,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
} from '../message/failure';
import { NewerVersionError } from '../message/upcasting';
import { HandlerTimeoutError } from './handler-runs';
import { UnreadableError } from './open-message';
import { delayAfter, isRecoverable, type RetryPolicy } from './retry-policy';
import { isSettlementError } from './settlement';

/** A failed handling, with the facts that decide about its message. */
export interface FailedHandling {
  readonly error: unknown;
  /** The delivery: 1 for the first, one more for each delayed retry. */
  readonly attempt: number;
  /** Handlings of this delivery so far, this one included. */
  readonly tries: number;
  readonly policy: RetryPolicy;
  /** The delivery is no longer ours, or the service stops. */
  readonly aborted: boolean;
  /** The circuit breaker excuses the failure: the subscription is paused. */
  readonly excused: boolean;
  /** True when the message has a key, and so a lane. */
  readonly keyed: boolean;
  readonly random: () => number;
}

/** The decision about the message. */
export type FailureDecision =
  /** It took effect before: it is acknowledged. */
  | { readonly kind: 'duplicate' }
  /** An earlier message of its lane is parked: it waits behind that one. */
  | { readonly kind: 'park-behind' }
  /** It is delivered again, here or elsewhere; the delivery does not count. */
  | { readonly kind: 'give-back'; readonly leaseLost?: LeaseLostError }
  /** It is handled again at once; `counted`: as one more try. */
  | { readonly kind: 'try-again'; readonly counted: boolean }
  /** It is delivered again after `after` milliseconds. */
  | { readonly kind: 'retry'; readonly after: number; readonly error: unknown }
  | DeadLetterDecision;

/** It is kept as a dead letter. */
export interface DeadLetterDecision {
  readonly kind: 'dead-letter';
  readonly error: unknown;
  /** Handlings that failed: 0 when no handler saw it. */
  readonly tries: number;
  /** Later messages of its lane wait until a person decides. */
  readonly blocksLane: boolean;
}

/** Decides about a message whose handling failed. The first rule that matches applies. */
export function decideFailure(failed: FailedHandling): FailureDecision {
  const { error, attempt, tries, policy, aborted, excused, keyed, random } = failed;
  if (excused) return { kind: 'try-again', counted: false };
  if (error instanceof AlreadyHandledError) return { kind: 'duplicate' };
  if (error instanceof LaneParkedError) return { kind: 'park-behind' };
  if (error instanceof LeaseLostError) return { kind: 'give-back', leaseLost: error };
  if (aborted) return { kind: 'give-back' };
  if (error instanceof UnreadableError) return deadLetter(error.cause, 0, keyed);
  if (!isRecoverable(error)) return deadLetter(error, tries, keyed);
  if (tries <= policy.immediate && !takesTooLong(error, policy))
    return { kind: 'try-again', counted: true };
  const after = delayAfter(policy, attempt, random);
  return after === undefined ? deadLetter(error, tries, keyed) : { kind: 'retry', after, error };
}

/**
 * A dead letter of this error. Its lane waits when a handler failed on it, because later messages
 * may build on it. Invalid messages, and a second message under a used id, do not affect those
 * behind them. A message of a newer version may be as valid as those behind it, so its lane waits,
 * too.
 */
export function deadLetter(error: unknown, tries: number, keyed: boolean): DeadLetterDecision {
  const failedInHandler = tries > 0 && !(error instanceof IdConflictError);
  const blocksLane = keyed && (failedInHandler || error instanceof NewerVersionError);
  return { kind: 'dead-letter', error, tries, blocksLane };
}

/** True when the circuit breaker counts the failure: the next handling is likely to fail, too. */
export const countsForCircuitBreaker = (error: unknown, aborted: boolean): boolean =>
  !aborted && !isSettlementError(error) && isRecoverable(error);

/**
 * A handler that did not end is not run again at once: it would occupy its slot and its lane for as
 * long again.
 */
const takesTooLong = (error: unknown, { delays }: RetryPolicy): boolean =>
  error instanceof HandlerTimeoutError && delays.length > 0;
