import type { Handling, KeptMessage } from '../api/types';
import type { Tone } from '../shared/parts';

export const OUTCOMES = ['done', 'duplicate', 'retry', 'dead', 'parked'] as const;

const TONES: Readonly<Record<string, Tone>> = {
  done: 'good',
  ok: 'good',
  duplicate: 'plain',
  retry: 'warn',
  parked: 'warn',
};

/** Tones of outcomes; every other outcome is a fault: `dead`, the code of a call. */
export const toneOf = (outcome: string): Tone => TONES[outcome] ?? 'bad';

const ORDER: readonly Tone[] = ['bad', 'warn', 'plain', 'good'];
const rankOf = ({ outcome }: Handling): number => ORDER.indexOf(toneOf(outcome));

/**
 * Outcomes of a message, one for each service that handled it: the last handling there, the worst
 * service first.
 */
export function fatesOf({ handlings }: Pick<KeptMessage, 'handlings'>): readonly Handling[] {
  const last = new Map<string, Handling>();
  for (const handling of handlings) last.set(handling.subscription, handling);
  return [...last.values()].sort((a, b) => rankOf(a) - rankOf(b));
}
