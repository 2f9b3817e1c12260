import { QuotedLine } from '@contracts/catalog';
import {
  ReleaseStock,
  ReserveStock,
  StockRejected,
  StockReleased,
  StockReserved,
} from '@contracts/inventory';
import { Customer, ERASED_CUSTOMER, OrderPlaced } from '@contracts/orders';
import {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from '@contracts/payments';
import {
  CancelShipment,
  ParcelDelivered,
  ParcelDispatched,
  ShipmentCancelled,
  ShipmentRefused,
  ShipOrder,
} from '@contracts/shipping';
import type { Duration } from '@parley/contract';
import { end, execute, next, saga, send, stay, type Step } from '@parley/sagas';
import { z } from 'zod';
import { CompleteOrder, RecordShipment, RejectOrder } from './order.commands';

/** reserving → charging → shipping → delivering; back through cancelling → refunding → releasing. */
const Stage = z.enum([
  'reserving',
  'charging',
  'shipping',
  'delivering',
  'cancelling',
  'refunding',
  'releasing',
  'delivered',
  'rejected',
]);

const Fulfilment = z.object({
  orderId: z.uuid(),
  stage: Stage,
  customer: Customer,
  lines: z.array(QuotedLine),
  total: z.int(),
  /** Until the payment was asked for. */
  token: z.string().optional(),
  /** Why it is being undone. */
  reason: z.string().optional(),
});
type Fulfilment = z.infer<typeof Fulfilment>;

const hidden = {
  personal: { fields: { customer: ERASED_CUSTOMER } },
  secret: { fields: { token: 'expired' }, life: '3d' as const },
};

/**
 * The whole process of an order. Completed steps are undone in reverse order, each after the one
 * before was confirmed.
 */
export const fulfilment = (patience: Duration) =>
  saga('fulfilment', { state: Fulfilment, by: 'orderId', ...hidden })
    .startsOn(OrderPlaced, ({ orderId, customer, lines, total, payment }) =>
      next(
        { orderId, stage: 'reserving', customer, lines, total, token: payment.token },
        send(ReserveStock, { orderId, lines: pieces(lines) }),
      ),
    )
    .on(StockReserved, (order) => (order.stage === 'reserving' ? charge(order) : stay(order)))
    .on(StockRejected, (order, { sku }) =>
      order.stage === 'reserving'
        ? reject({ ...order, reason: `${sku} is out of stock` })
        : stay(order),
    )
    .on(PaymentCaptured, (order) => (order.stage === 'charging' ? ship(order) : stay(order)))
    .on(PaymentDeclined, (order, { reason }) =>
      order.stage === 'charging' ? release({ ...order, reason }) : stay(order),
    )
    .on(ParcelDispatched, (order, { trackingNumber }) =>
      // A parcel that left before it could be stopped goes on its way.
      order.stage === 'shipping' || order.stage === 'cancelling'
        ? next(
            { ...order, stage: 'delivering', reason: undefined },
            execute(new RecordShipment(order.orderId, trackingNumber)),
          )
        : stay(order),
    )
    .on(ShipmentRefused, (order, { reason }) =>
      order.stage === 'shipping' || order.stage === 'cancelling'
        ? refund({ ...order, reason: order.reason ?? reason })
        : stay(order),
    )
    .on(ParcelDelivered, (order) =>
      end({ ...order, stage: 'delivered' }, execute(new CompleteOrder(order.orderId))),
    )
    .on(ShipmentCancelled, (order) => (order.stage === 'cancelling' ? refund(order) : stay(order)))
    .on(PaymentRefunded, (order) => (order.stage === 'refunding' ? release(order) : stay(order)))
    .on(StockReleased, (order) => (order.stage === 'releasing' ? reject(order) : stay(order)))
    .after(patience, 'patience', (order) => giveUp({ ...order, reason: 'it took too long' }))
    .onCancel((order) => giveUp({ ...order, reason: 'the shop cancelled it' }));

/**
 * Compensation of a step. It stays behind the step in its lane, but does not wait for a dead letter:
 * the owners refuse a step that was undone before.
 */
const undoing = { passDeadLetters: true };

/** Also undoes the step that was requested last, because it may still be done. */
function giveUp(order: Fulfilment): Step<Fulfilment> {
  if (order.stage === 'reserving') return release(order);
  if (order.stage === 'charging') return refund(order);
  if (order.stage === 'shipping')
    return next(
      { ...order, stage: 'cancelling' },
      send(CancelShipment, { orderId: order.orderId }, undoing),
    );
  return stay(order);
}

function charge(order: Fulfilment): Step<Fulfilment> {
  const { token = '', ...rest } = order;
  return next(
    { ...rest, stage: 'charging' },
    send(ChargePayment, { orderId: rest.orderId, amount: rest.total, token }),
  );
}

function ship(order: Fulfilment): Step<Fulfilment> {
  const { orderId, customer, lines } = order;
  const grams = lines.reduce((sum, line) => sum + line.grams * line.quantity, 0);
  return next(
    { ...order, stage: 'shipping' },
    send(ShipOrder, {
      orderId,
      recipient: customer.name,
      address: customer.address,
      lines: pieces(lines),
      grams,
    }),
  );
}

function refund(order: Fulfilment): Step<Fulfilment> {
  return next(
    { ...order, stage: 'refunding' },
    send(RefundPayment, { orderId: order.orderId, reason: order.reason ?? '' }, undoing),
  );
}

function release(order: Fulfilment): Step<Fulfilment> {
  return next(
    { ...order, stage: 'releasing' },
    send(ReleaseStock, { orderId: order.orderId }, undoing),
  );
}

function reject(order: Fulfilment): Step<Fulfilment> {
  return end(
    { ...order, stage: 'rejected' },
    execute(new RejectOrder(order.orderId, order.reason ?? '')),
  );
}

const pieces = (lines: readonly QuotedLine[]) =>
  lines.map(({ sku, quantity }) => ({ sku, quantity }));
