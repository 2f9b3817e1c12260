import type { Line } from '@contracts/catalog';

/**
 * State of an order's reservation. `released` also means that the release came before the
 * reservation.
 */
export type ReservationStatus = 'reserved' | 'released' | 'shipped';

export interface Shortage {
  readonly sku: string;
  readonly reason: string;
}

/** The first line that the available stock cannot fill. An order gets all its lines or none. */
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
