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

/** The readers of a service's store and technologies. */
export const outageReadersOf = (
  parts: readonly ({ readonly outage?: OutageReader } | undefined)[],
): readonly OutageReader[] => parts.flatMap((part) => part?.outage ?? []);

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

const MISTAKES = new Set(['TypeError', 'RangeError', 'ReferenceError']);
/**
 * Node's own codes of an argument that fits nowhere. Others, as of a buffer that ends too early, may
 * come from what a foreign program sent.
 */
const ARGUMENT = /^ERR_INVALID_(ARG|THIS|RETURN)/;

/**
 * The mistake in code, of ours or of a client library, that an error tells of, and so no outage:
 * also where the library wrapped it in an error of its own. Undefined: it tells of something else.
 * (`fetch failed` is a TypeError as well, but its cause is none.)
 */
export function bugIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.cause instanceof Error) return bugIn(error.cause);
  const { name, code } = error as Error & { readonly code?: unknown };
  const isMistake = code === undefined || (typeof code === 'string' && ARGUMENT.test(code));
  return MISTAKES.has(name) && isMistake ? error : undefined;
}

/** For a log: the stack of a mistake in code is told, that of an outage helps nobody. */
export function bugDetails(error: unknown): { readonly error: Error } | undefined {
  const bug = bugIn(error);
  return bug && { error: bug };
}
