import type { Call } from '@parley/contract';
import { DeadlineExceededError } from '@parley/resilience';
import { decode, validate } from '../../message/codec';
import type { OutgoingCall } from '../../ports/call-transport';
import { OutageError } from '../../ports/outage';
import type { CallTarget } from './call-target';

/** A reply that is not of the owner, or not of now. */
export interface Substitute {
  readonly reply: unknown;
  readonly outcome: 'stale' | 'fallback';
}

/**
 * The reply that the contract has for the time when its owner cannot answer: the last one to the
 * same request, or its fallback. Undefined when there is none, or when the error is an answer.
 */
export function substituteFor(
  error: unknown,
  contract: Call,
  { body, signal }: OutgoingCall,
  target: CallTarget,
  request: unknown,
): Substitute | undefined {
  const { stale, fallback } = contract.resilience;
  if (stale === undefined && !fallback) return undefined;
  if (!isOutage(error) || signal?.aborted) return undefined;
  const kept = target.staleReply(body);
  if (kept)
    return {
      reply: validate(contract.name, contract.reply, decode(contract.name, kept)),
      outcome: 'stale',
    };
  return fallback && { reply: fallbackReply(contract, request), outcome: 'fallback' };
}

const isOutage = (error: unknown): boolean =>
  error instanceof OutageError || error instanceof DeadlineExceededError;

const fallbackReply = ({ name, reply, resilience }: Call, request: unknown): unknown =>
  validate(name, reply, resilience.fallback?.(request as never));
