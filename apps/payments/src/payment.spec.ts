import { decideCharge, decideRefund, type ChargeResult, type Payment } from './payment';

const orderId = '018f7f0e-0000-7000-8000-000000000001';
const captured: ChargeResult = { status: 'captured', amount: 990, reference: 'r' };
const declined: ChargeResult = { status: 'declined', reason: 'insufficient funds' };
const recorded = (status: Payment['status'], amount = 0): Payment => ({ orderId, status, amount });

describe('a charge', () => {
  it('that was captured is recorded and answered', () => {
    expect(decideCharge(undefined, { orderId }, captured)).toEqual({
      record: { orderId, status: 'captured', amount: 990, reference: 'r' },
      answer: { what: 'captured', amount: 990, reference: 'r' },
    });
  });

  it('that was declined is recorded and answered', () => {
    expect(decideCharge(undefined, { orderId }, declined)).toEqual({
      record: { orderId, status: 'declined', amount: 0, reason: 'insufficient funds' },
      answer: { what: 'declined', reason: 'insufficient funds' },
    });
  });

  it.each(['captured', 'declined', 'refunded'] as const)(
    'that is %s already is not answered again',
    (status) => {
      expect(decideCharge(recorded(status), { orderId }, captured)).toEqual({});
    },
  );

  it('of an order that was given up is declined, and stays given up', () => {
    expect(decideCharge(recorded('cancelled'), { orderId }, declined)).toEqual({
      answer: { what: 'declined', reason: 'the order was cancelled' },
    });
  });
});

describe('a refund', () => {
  it('gives back what was captured', () => {
    const before: Payment = { orderId, status: 'captured', amount: 990, reference: 'r' };
    expect(decideRefund(before, orderId, { amount: 990, reference: 'r' })).toEqual({
      record: { orderId, status: 'refunded', amount: 990, reference: 'r' },
      answer: { what: 'refunded', amount: 990 },
    });
  });

  it('of a capture that was never recorded gives it back all the same', () => {
    expect(decideRefund(undefined, orderId, { amount: 990, reference: 'r' }).record).toMatchObject({
      status: 'refunded',
      amount: 990,
    });
  });

  it.each([undefined, recorded('declined')])(
    'of nothing cancels the payment for good',
    (before) => {
      expect(decideRefund(before, orderId, { amount: 0 })).toEqual({
        record: { orderId, status: 'cancelled', amount: 0 },
        answer: { what: 'refunded', amount: 0 },
      });
    },
  );

  it.each(['refunded', 'cancelled'] as const)('is not answered again once it is %s', (status) => {
    expect(decideRefund(recorded(status), orderId, { amount: 0 })).toEqual({});
  });
});
