import { UsageError } from './errors';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * ISO 8601 of a time (`2026-11-23T09:00:00Z`, `2026-11-23`) or of a span ago (`15m`, `2h`, `3d`).
 * @throws {UsageError}
 */
export function timeOf(option: string, text: string): string {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const span = UNITS_MS[unit];
  const now = Date.now();
  const at = span === undefined ? Date.parse(text) : now - Number(count) * span;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new UsageError(
    `--${option} is "${text}", but must be a time (2026-11-23T09:00:00Z) or how long ago (15m, 2h, 3d).`,
  );
}

/** The place of a dead letter. */
export interface LetterName {
  readonly service: string;
  readonly id: string;
}

/**
 * `orders/12`: letter 12 of orders.
 * @throws {UsageError}
 */
export function letterName(text: string): LetterName {
  const [, service, id] = /^([a-z][a-z0-9-]*)\/(\d+)$/.exec(text) ?? [];
  if (service !== undefined && id !== undefined) return { service, id };
  throw new UsageError(
    `"${text}" names no dead letter; write <service>/<number>, as the list shows it: orders/12.`,
  );
}
