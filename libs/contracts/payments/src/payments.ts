import { Cents } from '@contracts/catalog';
import { command, event, type Message } from '@parley/contract';
import { z } from 'zod';

/**
 * Charges the customer once per order, however often it is asked. Answered by PaymentCaptured or
 * PaymentDeclined.
 */
export const ChargePayment = command(
  'payments.charge-payment',
  z.object({ orderId: z.uuid(), amount: Cents, token: z.string() }),
  {
    key: 'orderId',
    version: 2,
    secret: { fields: { token: 'expired' }, life: '3d' },
  },
);
export type ChargePayment = Message<typeof ChargePayment>;

/**
 * Refunds the captured amount of an order, if there is one; a later charge for it is refused.
 * Answered by PaymentRefunded.
 */
export const RefundPayment = command(
  'payments.refund-payment',
  z.object({ orderId: z.uuid(), reason: z.string() }),
  { key: 'orderId' },
);
export type RefundPayment = Message<typeof RefundPayment>;

export const PaymentCaptured = event(
  'payments.payment-captured',
  z.object({ orderId: z.uuid(), amount: Cents, reference: z.string() }),
  { key: 'orderId' },
);
export type PaymentCaptured = Message<typeof PaymentCaptured>;

export const PaymentDeclined = event(
  'payments.payment-declined',
  z.object({ orderId: z.uuid(), reason: z.string() }),
  { key: 'orderId' },
);
export type PaymentDeclined = Message<typeof PaymentDeclined>;

/** `amount` is 0 when nothing had been captured. */
export const PaymentRefunded = event(
  'payments.payment-refunded',
  z.object({ orderId: z.uuid(), amount: Cents }),
  { key: 'orderId' },
);
export type PaymentRefunded = Message<typeof PaymentRefunded>;
