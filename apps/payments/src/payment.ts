import type { ChargePayment } from '@contracts/payments';

/** The state of an order's payment. One per order, for ever. */
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

/** The provider's result of a charge. */
export type ChargeResult =
  | { readonly status: 'captured'; readonly amount: number; readonly reference: string }
  | { readonly status: 'declined'; readonly reason: string };

/** The refunded amount: 0 when nothing had been captured, and never will be. */
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

/** The provider's key of an order's charge: the same in every process and attempt. */
export const chargeKey = (orderId: string): string => `${orderId}:charge`;
export const refundKey = (orderId: string): string => `${orderId}:refund`;

/**
 * The decision after a charge. A recorded payment was answered by the transaction that recorded it,
 * so it is not answered again. The exception is a charge that comes after the order was cancelled:
 * it has no answer yet.
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

/** The decision after a refund, or after finding that there was nothing to refund. */
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
