import { createHash } from 'node:crypto';
import type { HistoryEntry, OrderStatus, PlaceOrder } from '@contracts/orders';

/** A change of an order's view by a message: a line of history, and perhaps a new status. */
export interface Progress {
  readonly what: string;
  readonly by: string;
  readonly at: string;
  readonly status?: OrderStatus;
}

const RANK: Readonly<Record<OrderStatus, number>> = {
  placed: 0,
  reserved: 1,
  paid: 2,
  shipped: 3,
  delivered: 4,
  rejected: 4,
};

/**
 * A status never goes back: a late event, from another owner's stream, only adds to the history.
 */
export const later = (current: OrderStatus, next: OrderStatus | undefined): OrderStatus =>
  next !== undefined && RANK[next] > RANK[current] ? next : current;

export const isFinal = (status: OrderStatus): boolean =>
  status === 'delivered' || status === 'rejected';

export const firstEntry = (at: string): HistoryEntry => ({
  number: 1,
  at,
  what: 'order placed',
  by: 'orders',
});

/** Tells whether a request under a known key is the same order. */
export function fingerprintOf({ customer, lines, payment, account }: PlaceOrder): string {
  const fields = [customer, lines, payment, ...(account === undefined ? [] : [account])];
  return createHash('sha256').update(JSON.stringify(fields)).digest('base64url');
}

/** Where a page ends: the time an order was placed and, among those of one time, its id. */
export const cursorOf = (order: { readonly placedAt: string; readonly orderId: string }): string =>
  `${order.placedAt}~${order.orderId}`;

export function readCursor(
  cursor: string,
): { readonly placedAt: string; readonly orderId: string } | undefined {
  const [, placedAt, orderId] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)~([0-9a-f-]{36})$/.exec(cursor) ?? [];
  return placedAt === undefined || orderId === undefined ? undefined : { placedAt, orderId };
}
