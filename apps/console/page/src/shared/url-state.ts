/** Filters as the address has them: text values, the empty ones left out. */
export type Filters<Name extends string> = { readonly [K in Name]?: string };

/**
 * Reads filters from the search of an address, whatever somebody typed there: unknown names, empty
 * and senseless values are left out.
 */
export function filtersIn<Name extends string>(
  names: readonly Name[],
  search: Readonly<Record<string, unknown>>,
): Filters<Name> {
  const known = names.flatMap((name): [string, string][] => {
    const value = search[name];
    // The router reads `group=12345678` as a number, and `stuck=true` as a truth.
    if (!['string', 'number', 'boolean'].includes(typeof value)) return [];
    const text = String(value).trim();
    return text === '' ? [] : [[name, text]];
  });
  return Object.fromEntries(known) as Filters<Name>;
}

/** `?a=1&b=2`, without what is not set. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const known = Object.entries(values).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return known.length === 0 ? '' : `?${new URLSearchParams(known)}`;
}

const AGES = { m: 60, h: 3_600, d: 86_400 } as const;

/** A time for the API: `2h` is so long ago, anything else must be a time. Undefined: neither. */
export function timeIn(text: string, now: number): string | undefined {
  const [, number, unit] = /^(\d+)([mhd])$/.exec(text.trim()) ?? [];
  if (number !== undefined)
    return new Date(now - Number(number) * AGES[unit as keyof typeof AGES] * 1_000).toISOString();
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}
