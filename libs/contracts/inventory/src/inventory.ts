import { Lines, Sku } from '@contracts/catalog';
import { call, command, event, type Message } from '@parley/contract';
import { z } from 'zod';

/**
 * Reserves all lines of an order from the available stock, or none. Answered by StockReserved or
 * StockRejected.
 */
export const ReserveStock = command(
  'inventory.reserve-stock',
  z.object({ orderId: z.uuid(), lines: Lines }),
  { key: 'orderId' },
);
export type ReserveStock = Message<typeof ReserveStock>;

/**
 * Releases an order's reservation, if there is one; a later reservation for it is refused. Answered
 * by StockReleased.
 */
export const ReleaseStock = command('inventory.release-stock', z.object({ orderId: z.uuid() }), {
  key: 'orderId',
});
export type ReleaseStock = Message<typeof ReleaseStock>;

export const StockReserved = event('inventory.stock-reserved', z.object({ orderId: z.uuid() }), {
  key: 'orderId',
});
export type StockReserved = Message<typeof StockReserved>;

export const StockRejected = event(
  'inventory.stock-rejected',
  z.object({ orderId: z.uuid(), sku: Sku, reason: z.string() }),
  { key: 'orderId' },
);
export type StockRejected = Message<typeof StockRejected>;

export const StockReleased = event('inventory.stock-released', z.object({ orderId: z.uuid() }), {
  key: 'orderId',
});
export type StockReleased = Message<typeof StockReleased>;

/** initial = available + reserved + shipped, always. */
export const StockLevel = z.object({
  sku: Sku,
  initial: z.int(),
  available: z.int().nonnegative(),
  reserved: z.int().nonnegative(),
  shipped: z.int().nonnegative(),
});
export type StockLevel = z.infer<typeof StockLevel>;

export const ListStock = call('inventory.list-stock', {
  request: z.object({}),
  reply: z.object({ levels: z.array(StockLevel) }),
  deadline: '2s',
  idempotent: true,
});
export type ListStock = Message<typeof ListStock>;
