import { Line, Product } from '@contracts/catalog';
import { Customer, ExportOrders, Order, OrderStatus } from '@contracts/orders';
import { Address } from '@contracts/shipping';
import { text } from '@parley/contract';
import { z } from 'zod';
import { Cursor } from './cursor';

/**
 * Requests and answers of the edge. Strict where services are lenient: an unknown field from
 * outside is a mistake, not a newer version.
 */
export const NewOrder = z.strictObject({
  customer: z.strictObject({ ...Customer.shape, address: z.strictObject(Address.shape) }),
  lines: z.array(z.strictObject(Line.shape)).min(1, 'is empty').max(100, 'has more than 100 lines'),
  payment: z.strictObject({ token: text(200) }),
});
export type NewOrder = z.infer<typeof NewOrder>;

export const AcceptedOrder = z.object({
  orderId: z.uuid(),
  status: OrderStatus,
  /** Of an order that was placed without a token: a bearer token that opens this order alone. */
  guest: z.object({ token: z.string(), expiresAt: z.iso.datetime() }).optional(),
});

export const OrderView = Order.omit({ account: true });
export type OrderView = z.infer<typeof OrderView>;

export const ProductList = z.object({ currency: z.literal('EUR'), products: z.array(Product) });

export const OrderList = z.object({
  orders: z.array(
    z.object({
      orderId: z.uuid(),
      status: OrderStatus,
      total: z.int(),
      placedAt: z.iso.datetime(),
      finishedAt: z.iso.datetime().optional(),
    }),
  ),
  next: z.string().optional(),
  counts: z.record(OrderStatus, z.int()),
});

/** A line of an export. */
export const ExportedOrder = ExportOrders.item;

export const OrderFilter = z.strictObject({
  status: OrderStatus.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: Cursor.optional(),
});
export type OrderFilter = z.infer<typeof OrderFilter>;

export const ProblemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});

export const OrderId = z.uuid();
export const IdempotencyKey = text(200);
