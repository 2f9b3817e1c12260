import { Cents, Lines, QuotedLine } from '@contracts/catalog';
import { Address, ERASED_ADDRESS } from '@contracts/shipping';
import {
  broadcast,
  call,
  event,
  type ItemOf,
  type Message,
  type ReplyOf,
  stream,
  text,
} from '@parley/contract';
import { z } from 'zod';

export const Customer = z.object({ name: text(200), email: z.email().max(320), address: Address });
export type Customer = z.infer<typeof Customer>;
/**
 * Owner of an order: the subject of a token. Not trimmed: two subjects that differ by a space are
 * two accounts.
 */
export const Account = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters');
export type Account = z.infer<typeof Account>;
export const ERASED_CUSTOMER: Customer = {
  name: 'erased',
  email: 'erased@invalid.example',
  address: ERASED_ADDRESS,
};
/** The order is the data subject: customers need no account. */
const personal = { subject: 'orderId' as const, fields: { customer: ERASED_CUSTOMER } };

export const OrderStatus = z.enum([
  'placed',
  'reserved',
  'paid',
  'shipped',
  'delivered',
  'rejected',
]);
export type OrderStatus = z.infer<typeof OrderStatus>;

/**
 * One thing that happened to an order: `by` is the service that said so. `number` counts up from 1
 * without gaps.
 */
export const HistoryEntry = z.object({
  number: z.int().positive(),
  at: z.iso.datetime(),
  what: z.string(),
  by: z.string(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

export const Order = z.object({
  orderId: z.uuid(),
  status: OrderStatus,
  lines: z.array(QuotedLine),
  total: Cents,
  history: z.array(HistoryEntry),
  account: Account.optional(),
});
export type Order = z.infer<typeof Order>;

/** Agrees the price and takes the order. The same key with the same order is the same order. */
export const PlaceOrder = call('orders.place-order', {
  request: z.object({
    idempotencyKey: text(200),
    customer: Customer,
    lines: Lines,
    payment: z.object({ token: text(200) }),
    /** The order's owner: set by the calling service, never by the customer. */
    account: Account.optional(),
  }),
  reply: z.object({ orderId: z.uuid(), status: OrderStatus }),
  errors: {
    'unknown-sku': z.object({ sku: z.string(), line: z.int() }),
    /** In cents: the total of the order, and the highest total of an order. */
    'too-much': z.object({ total: z.int(), most: z.int() }),
    /** The key was used for another order before. */
    'key-reused': z.object({ idempotencyKey: z.string() }),
  },
  deadline: '5s',
  idempotent: true,
});
export type PlaceOrder = Message<typeof PlaceOrder>;
export type OrderAccepted = ReplyOf<typeof PlaceOrder>;

export const GetOrder = call('orders.get-order', {
  request: z.object({ orderId: z.uuid() }),
  reply: Order,
  errors: { 'unknown-order': z.object({ orderId: z.string() }) },
  deadline: '2s',
  idempotent: true,
});
export type GetOrder = Message<typeof GetOrder>;

/** Where a page of orders ends: the time its last order was placed, and that order's id. */
export const PageEnd = z
  .string()
  .refine((end) => MomentAndId.safeParse(end).success, 'is not where a page ended');
const MomentAndId = z.templateLiteral([z.iso.datetime(), '~', z.uuid()]);

/** Newest first, a page at a time; of one account, or of all. */
export const ListOrders = call('orders.list-orders', {
  request: z.object({
    status: OrderStatus.optional(),
    limit: z.int().min(1).max(500),
    before: PageEnd.optional(),
    account: Account.optional(),
  }),
  reply: z.object({
    orders: z.array(
      z.object({
        orderId: z.uuid(),
        status: OrderStatus,
        total: Cents,
        placedAt: z.iso.datetime(),
        finishedAt: z.iso.datetime().optional(),
      }),
    ),
    /** Hand it back as `before` for the next page; absent on the last one. */
    next: PageEnd.optional(),
    counts: z.record(OrderStatus, z.int()),
  }),
  deadline: '5s',
  idempotent: true,
});
export type ListOrders = Message<typeof ListOrders>;

/** All that is known of the orders of an account, oldest first: what its customer may take along. */
export const ExportOrders = stream('orders.export-orders', {
  request: z.object({
    /** Undefined: the orders of all, without their customers. */
    account: Account.optional(),
  }),
  item: Order.omit({ account: true }).extend({
    placedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    customer: Customer.optional(),
  }),
  deadline: '1m',
  silence: '5s',
});
export type ExportOrders = Message<typeof ExportOrders>;
export type ExportedOrder = ItemOf<typeof ExportOrders>;

export const OrderPlaced = event(
  'orders.order-placed',
  z.object({
    orderId: z.uuid(),
    customer: Customer,
    lines: z.array(QuotedLine),
    total: Cents,
    payment: z.object({ token: z.string() }),
  }),
  {
    key: 'orderId',
    version: 3,
    personal,
    secret: { fields: { 'payment.token': 'expired' }, life: '3d' },
  },
);
export type OrderPlaced = Message<typeof OrderPlaced>;

export const OrderShipped = event(
  'orders.order-shipped',
  z.object({ orderId: z.uuid(), customer: Customer, total: Cents, trackingNumber: z.string() }),
  { key: 'orderId', version: 2, personal },
);
export type OrderShipped = Message<typeof OrderShipped>;

export const OrderDelivered = event(
  'orders.order-delivered',
  z.object({ orderId: z.uuid(), total: Cents }),
  { key: 'orderId' },
);
export type OrderDelivered = Message<typeof OrderDelivered>;

/** The order ended without delivery; everything that had been done for it was undone. */
export const OrderRejected = event(
  'orders.order-rejected',
  z.object({ orderId: z.uuid(), customer: Customer, total: Cents, reason: z.string() }),
  { key: 'orderId', version: 2, personal },
);
export type OrderRejected = Message<typeof OrderRejected>;

/** A history entry was written: for the readers of the order right now. */
export const OrderProgressed = broadcast(
  'orders.order-progressed',
  z.object({ orderId: z.uuid(), status: OrderStatus, entry: HistoryEntry }),
);
export type OrderProgressed = Message<typeof OrderProgressed>;
