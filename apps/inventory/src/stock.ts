import type { Line } from '@contracts/catalog';

/**
 * What an order has of the stock. `released` also stands where a release came before the
 * reservation it was for.
 */
export type ReservationStatus = 'reserved' | 'released' | 'shipped';

export interface Shortage {
  readonly sku: string;
  readonly reason: string;
}

/** The first line that what is available cannot fill. An order gets all its lines or none. */
export function shortage(
  lines: readonly Line[],
  available: ReadonlyMap<string, number>,
): Shortage | undefined {
  for (const { sku, quantity } of lines) {
    const left = available.get(sku);
    if (left === undefined) return { sku, reason: 'we do not keep it' };
    if (left < quantity)
      return { sku, reason: left === 0 ? 'sold out' : `${quantity} wanted, ${left} left` };
  }
  return undefined;
}
