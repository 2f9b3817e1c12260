type Unit = 'ms' | 's' | 'm' | 'h' | 'd';

/**
 * A span of time as people write it: `'800ms'`, `'1.5s'`, `'15m'`, `'2h'`, `'7d'`, at most 100
 * years; a plain number is milliseconds.
 */
export type Duration = `${bigint}${Unit}` | `${bigint}.${bigint}${Unit}` | number;

/**
 * 100 years: added to the time of day it is still a date, and every clock and database counts it
 * exactly.
 */
const LONGEST_MS = 36_525 * 86_400_000;

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration.
 * @throws RangeError when the text is not a number with one of the units ms, s, m, h, d, is
 * negative, or longer than 100 years.
 */
export function milliseconds(duration: Duration): number {
  const [, amount, unit] =
    /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(
      typeof duration === 'number' ? `${duration}ms` : duration,
    ) ?? [];
  if (amount === undefined)
    throw new RangeError(
      `"${duration}" is not a duration; write for example "800ms", "5s" or "15m"`,
    );
  const length = Number(amount) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  if (length > LONGEST_MS)
    throw new RangeError(
      `"${duration}" is longer than 100 years; leave it out where there is no bound`,
    );
  return length;
}

/**
 * True when a value is a duration, for configuration: `z.custom<Duration>(isDuration, 'must be a
 * duration such as 5s')`.
 */
export function isDuration(written: unknown): written is Duration {
  try {
    return (
      (typeof written === 'string' || typeof written === 'number') &&
      milliseconds(written as Duration) >= 0
    );
  } catch {
    return false;
  }
}
