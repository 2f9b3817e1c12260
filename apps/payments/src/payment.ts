import type { ChargePayment } from '@contracts/payments';

/** What became of an order's money. One per order, for ever. */
export interface Payment {
  readonly orderId: string;
  /** `cancelled`: given up before anything was captured; a charge that comes later is refused. */
  readonly status: 'captured' | 'declined' | 'refunded' | 'cancelled';
  /** Cents captured; of a refunded payment: given back. */
  readonly amount: number;
  /** The provider's own number for the charge. */
  readonly reference?: string;
  readonly reason?: string;
}

/** What the provider made of a charge. */
export type ChargeResult =
  | { readonly status: 'captured'; readonly amount: number; readonly reference: string }
  | { readonly status: 'declined'; readonly reason: string };

/** What the provider gave back: 0 when nothing had been captured, and never will be. */
export interface RefundResult {
  readonly amount: number;
  readonly reference?: string;
}

export type Answer =
  | { readonly what: 'captured'; readonly amount: number; readonly reference: string }
  | { readonly what: 'declined'; readonly reason: string }
  | { readonly what: 'refunded'; readonly amount: number };

export interface Decision {
  readonly record?: Payment;
  readonly answer?: Answer;
}

/** The provider knows an order's charge by this, whoever asks, however often. */
export const chargeKey = (orderId: string): string => `${orderId}:charge`;
export const refundKey = (orderId: string): string => `${orderId}:refund`;

/**
 * What follows from a charge. What is recorded was answered by the transaction that recorded it, so
 * it is not answered again, but for a charge that comes after the order was given up: nobody has
 * answered that one yet.
 */
export function decideCharge(
  recorded: Payment | undefined,
  { orderId }: Pick<ChargePayment, 'orderId'>,
  result: ChargeResult,
): Decision {
  if (recorded?.status === 'cancelled')
    return { answer: { what: 'declined', reason: 'the order was cancelled' } };
  if (recorded) return {};
  if (result.status === 'declined') {
    return {
      record: { orderId, status: 'declined', amount: 0, reason: result.reason },
      answer: { what: 'declined', reason: result.reason },
    };
  }
  const { amount, reference } = result;
  return {
    record: { orderId, status: 'captured', amount, reference },
    answer: { what: 'captured', amount, reference },
  };
}

/** What follows from a refund, or from finding that there was nothing to refund. */
export function decideRefund(
  recorded: Payment | undefined,
  orderId: string,
  { amount, reference }: RefundResult,
): Decision {
  if (recorded?.status === 'refunded' || recorded?.status === 'cancelled') return {};
  const record: Payment = {
    ...recorded,
    orderId,
    amount,
    status: reference === undefined ? 'cancelled' : 'refunded',
  };
  return {
    record: reference === undefined ? record : { ...record, reference },
    answer: { what: 'refunded', amount },
  };
}
