import { AsyncLocalStorage } from 'node:async_hooks';

/** The effect of work that an outage ended: 'none', or 'unknown'. */
export type EffectOfOutage = 'none' | 'unknown';

/**
 * Another service, a database or a broker that the work needs is away. Not a fault of the code:
 * callers get 503 or 504, the log a warning.
 */
export abstract class OutageError extends Error {
  abstract readonly effect: EffectOfOutage;
}

/** Reads errors of a client library; undefined when the error is no outage. */
export type OutageReader = (error: unknown) => OutageError | undefined;

/** The readers of a service's store and technologies. */
export const outageReadersOf = (
  parts: readonly ({ readonly outage?: OutageReader } | undefined)[],
): readonly OutageReader[] => parts.flatMap((part) => part?.outage ?? []);

/** The outage that the first reader recognizes in the error. */
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
 * Runs the work of one request, and remembers whether a part of it took effect before an error
 * ended it.
 */
export const notingEffects = <T>(run: () => T): T => noted.run({ any: false }, run);

/**
 * Records that a part of the request's work took effect: a transaction, a message, a call that is
 * not idempotent.
 */
export function noteEffect(): void {
  const effects = noted.getStore();
  if (effects) effects.any = true;
}

/** True when a part of the current request's work took effect. */
export const hadEffect = (): boolean => noted.getStore()?.any ?? false;

/** The effect of the whole request after this outage. */
export const effectAfter = ({ effect }: OutageError): EffectOfOutage =>
  hadEffect() ? 'unknown' : effect;

const MISTAKES = new Set(['TypeError', 'RangeError', 'ReferenceError']);
/**
 * Node's codes for an argument that is always wrong. Other codes, as for a buffer that ends too
 * early, may be due to the data of another program.
 */
const ARGUMENT = /^ERR_INVALID_(ARG|THIS|RETURN)/;

/**
 * The mistake in code, ours or a client library's, that caused an error, also where the library
 * wrapped it in an error of its own; such an error is no outage. Undefined when there is none.
 * (`fetch failed` is a TypeError as well, but its cause is none.)
 */
export function bugIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.cause instanceof Error) return bugIn(error.cause);
  const { name, code } = error as Error & { readonly code?: unknown };
  const isMistake = code === undefined || (typeof code === 'string' && ARGUMENT.test(code));
  return MISTAKES.has(name) && isMistake ? error : undefined;
}

/**
 * Log details of an error: the stack of a mistake in code is logged, the stack of an outage helps
 * no operator.
 */
export function bugDetails(error: unknown): { readonly error: Error } | undefined {
  const bug = bugIn(error);
  return bug && { error: bug };
}
