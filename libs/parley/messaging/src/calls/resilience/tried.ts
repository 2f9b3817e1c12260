import type { Question } from '@parley/contract';
import { DeadlineExceededError, type RequestOutcome } from '@parley/resilience';
import {
  OwnerUnavailableError,
  ReplyLostError,
  type CallFault,
  type OutgoingCall,
} from '../../ports/call-transport';

/** The result of a call, or of the beginning of a stream. */
export type Answer = { readonly ok: true } | { readonly ok: false; readonly fault: CallFault };

/** How one try of a call ended. */
export type Tried<A extends Answer = Answer> = { readonly answer: A } | { readonly error: unknown };

/** Faults of a request that was certainly not handled. */
export const NOT_HANDLED = new Set(['unavailable', 'overloaded']);
/** Faults with the meaning of a broken connection: the effect is unknown. */
export const LOST = new Set(['outcome-unknown', 'cancelled', 'stopping']);
/** Faults after which another instance may answer, or the same one a little later. */
const PASSING = new Set([...NOT_HANDLED, ...LOST]);
/**
 * Faults that say that the target fails. A refusal for overload does not: it answers the others.
 */
const FAILURES = new Set(['unavailable', 'outcome-unknown', 'deadline-exceeded']);
/** Faults that say nothing about whether the target fails. */
const UNDECIDED = new Set(['overloaded', 'cancelled', 'stopping']);

/**
 * The share of its deadline that a call must have had for a time-out to count against the target.
 * With less time, the caller was in a hurry.
 */
const FAIR_SHARE = 0.25;

export function resultOf<A extends Answer>(tried: Tried<A>): A {
  if ('error' in tried) throw tried.error;
  return tried.answer;
}

const hasFault = (tried: Tried, codes: ReadonlySet<string>): boolean =>
  'answer' in tried && !tried.answer.ok && codes.has(tried.answer.fault.code);

/** True when the request reached no instance. */
export const isUnreached = (tried: Tried): boolean =>
  'error' in tried && tried.error instanceof OwnerUnavailableError;

/** True when the effect of the try is unknown. */
export const isLost = (tried: Tried): boolean =>
  'answer' in tried ? hasFault(tried, LOST) : tried.error instanceof ReplyLostError;

/** True when the request was certainly not handled. */
export const didNothing = (tried: Tried): boolean =>
  isUnreached(tried) || hasFault(tried, NOT_HANDLED);

/**
 * A request that reached no instance, or was refused for overload, may be made again always; one
 * that is `repeatable` also after an outage.
 */
export const mayBeTriedAgain = (tried: Tried, repeatable: boolean): boolean =>
  isUnreached(tried) ||
  hasFault(tried, OVERLOADED) ||
  (repeatable && (hasFault(tried, PASSING) || isLost(tried)));

const OVERLOADED = new Set(['overloaded']);

/**
 * True when two tries have one effect: by the contract, or because the owner knows the idempotency
 * key.
 */
export const mayBeRepeated = ({ contract, headers }: OutgoingCall): boolean =>
  contract.idempotent || headers['idempotencykey'] !== undefined;

/**
 * The verdict of a try on its target: only outages and time-outs are failures. The contract's own
 * errors and bugs are answers.
 * @param budgetMs the time that it had
 */
export function outcomeOf(tried: Tried, contract: Question, budgetMs: number): RequestOutcome {
  if ('error' in tried) {
    const { error } = tried;
    if (error instanceof DeadlineExceededError) return timedOut(contract, budgetMs);
    return error instanceof OwnerUnavailableError || error instanceof ReplyLostError
      ? 'failure'
      : 'undecided';
  }
  if (hasFault(tried, UNDECIDED)) return 'undecided';
  if (!hasFault(tried, FAILURES)) return 'success';
  return hasFault(tried, TIMED_OUT) ? timedOut(contract, budgetMs) : 'failure';
}

const TIMED_OUT = new Set(['deadline-exceeded']);

const timedOut = (contract: Question, budgetMs: number): RequestOutcome =>
  budgetMs >= contract.deadline * FAIR_SHARE ? 'failure' : 'undecided';
