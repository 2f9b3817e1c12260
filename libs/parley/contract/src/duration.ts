/** A span of time as people write it: `'800ms'`, `'5s'`, `'15m'`, `'2h'`, `'7d'`; a plain number is milliseconds. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | number;

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of a duration.
 * @throws RangeError when the text is not a number with one of the units ms, s, m, h, d, or is negative.
 */
export function milliseconds(duration: Duration): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(typeof duration === 'number' ? `${duration}ms` : duration) ?? [];
  if (amount === undefined) throw new RangeError(`"${duration}" is not a duration; write for example "800ms", "5s" or "15m"`);
  return Number(amount) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
}
