import type { Issue } from './issue';

/*
 * Checks that a value survives JSON unchanged. Only for schemas that do not guarantee it: most are
 * known to be safe when they are defined, and none of this runs for their messages.
 */

/** Levels compared: a value that contains itself has no end. */
const MAX_LEVELS = 64;

type Path = readonly (string | number)[];

/** The first difference between the sent and the parsed value; undefined when there is none. */
export function difference(sent: unknown, read: unknown, path: Path = []): Issue | undefined {
  if (Object.is(sent, read) || (sent === 0 && read === 0)) return undefined;
  const inner = insideOf(sent, read);
  if (!inner)
    return {
      path: path.join('.'),
      message: `is ${named(sent)}, and would arrive as ${named(read)}`,
    };
  for (const [key, one, other] of inner) {
    const found = difference(one, other, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

type Pairs = readonly (readonly [string | number, unknown, unknown])[];

/**
 * The parts of two values of one type; undefined when their types differ, or JSON has no form for
 * them.
 */
function insideOf(sent: unknown, read: unknown): Pairs | undefined {
  if (typeof sent !== 'object' || typeof read !== 'object' || sent === null || read === null)
    return undefined;
  if (Array.isArray(sent) && Array.isArray(read))
    return sent.length === read.length
      ? sent.map((one, index) => [index, one, read[index]] as const)
      : undefined;
  if (
    Object.getPrototypeOf(sent) !== Object.getPrototypeOf(read) &&
    !(isPlain(sent) && isPlain(read))
  )
    return undefined;
  if (sent instanceof Date) return Number(sent) === Number(read) ? [] : undefined;
  const keys = [...new Set([...Object.keys(sent), ...Object.keys(read)])];
  return keys.map(
    (key) =>
      [
        key,
        (sent as Record<string, unknown>)[key],
        (read as Record<string, unknown>)[key],
      ] as const,
  );
}

const isPlain = (value: object): boolean =>
  [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);

/** Why and where JSON cannot be written of a value. */
export function unwritable(
  value: unknown,
  path: Path = [],
  within: readonly unknown[] = [],
): Issue | undefined {
  const at = (message: string): Issue => ({ path: path.join('.'), message });
  if (typeof value === 'bigint') return at('is a bigint, for which JSON has no form');
  if (typeof value !== 'object' || value === null) return undefined;
  if (within.includes(value)) return at('holds itself');
  if (path.length > MAX_LEVELS) return at(`is nested deeper than ${MAX_LEVELS} levels`);
  for (const key of Object.keys(value)) {
    const read = attempt(() => (value as Record<string, unknown>)[key]);
    const found =
      'thrown' in read
        ? { path: [...path, key].join('.'), message: `cannot be read: ${read.thrown}` }
        : unwritable(read.value, [...path, key], [...within, value]);
    if (found) return found;
  }
  const made = attempt(() => JSON.stringify(value));
  return 'thrown' in made ? at(`cannot be written as JSON: ${made.thrown}`) : undefined;
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly thrown: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { thrown: error instanceof Error ? error.message : typeof error };
  }
}

/** `a Map`, `NaN`, `missing`: never the value of a text, which may be personal. */
function named(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object'
    ? `a ${value.constructor?.name ?? 'object'}`
    : `a ${typeof value}`;
}
