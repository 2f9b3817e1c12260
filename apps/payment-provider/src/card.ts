import { createHash } from 'node:crypto';

/**
 * Behaviour of a card when it is charged. `silence`: the customer's bank may have answered, but the
 * answer is lost.
 */
export interface CardBehaviour {
  readonly outcome: 'captured' | 'declined' | 'nothing';
  readonly reason?: string;
  /** Milliseconds until the bank has answered. */
  readonly takes?: number;
  /** So many first attempts of a key are answered 503. */
  readonly failsFirst?: number;
  readonly silence?: 'drops' | 'hangs';
}

const SLOW_MS = 1_500;

/** Deterministic by token and key, so that a run can be repeated and its sums foretold. */
export function behaviourOf(token: string, key: string): CardBehaviour {
  switch (token) {
    case 'tok_ok':
      return { outcome: 'captured' };
    case 'tok_slow':
      return { outcome: 'captured', takes: SLOW_MS };
    case 'tok_flaky':
      return { outcome: 'captured', failsFirst: 1 + (byteOf(key) % 2) };
    case 'tok_unknown':
      return {
        outcome: isCaptured(key) ? 'captured' : 'nothing',
        silence: byteOf(key) & 4 ? 'drops' : 'hangs',
      };
    case 'tok_declined':
      return { outcome: 'declined', reason: 'insufficient funds' };
    default:
      return { outcome: 'declined', reason: 'unknown card' };
  }
}

/** Three quarters of the unknown outcomes are captured. */
const isCaptured = (key: string): boolean => byteOf(key) % 4 !== 0;

const byteOf = (key: string): number => createHash('sha256').update(key).digest()[0]!;
