import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of work that an outage ended: nothing of it took effect, or nobody can tell. */
export type EffectOfOutage = 'none' | 'unknown';

/**
 * Something that the work needed is away: another service, a database, a broker. Not a fault of the
 * code: callers are told 503 or 504, the log a warning.
 */
export abstract class OutageError extends Error {
  abstract readonly effect: EffectOfOutage;
}

/** Reads errors of a client library; undefined: the error is no outage. */
export type OutageReader = (error: unknown) => OutageError | undefined;

/** The first reader that knows the error says what it is. */
export const outageIn = (
  error: unknown,
  readers: readonly OutageReader[],
): OutageError | undefined => {
  if (error instanceof OutageError) return error;
  for (const read of readers) {
    const outage = read(error);
    if (outage) return outage;
  }
  return undefined;
};

const noted = new AsyncLocalStorage<{ any: boolean }>();

/**
 * Runs one request's work, and remembers whether some of it took effect before an error ended it.
 */
export const notingEffects = <T>(run: () => T): T => noted.run({ any: false }, run);

/**
 * Something of the request's work took effect: a transaction, a message, a call that is not
 * idempotent.
 */
export function noteEffect(): void {
  const effects = noted.getStore();
  if (effects) effects.any = true;
}

/** Whether something took effect in the request that this code works for. */
export const hadEffect = (): boolean => noted.getStore()?.any ?? false;

/** What is known of the whole request after this outage. */
export const effectAfter = ({ effect }: OutageError): EffectOfOutage =>
  hadEffect() ? 'unknown' : effect;

/**
 * A mistake in code, of ours or of a client library, and so no outage. (`fetch failed` is a
 * TypeError as well, but names its cause.)
 */
export const isBug = (error: unknown): error is Error =>
  (error instanceof TypeError || error instanceof ReferenceError) &&
  error.cause === undefined &&
  !('code' in error);
