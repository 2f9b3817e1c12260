import { GetOrder, PlaceOrder } from '@contracts/orders';
import { GetLabel } from '@contracts/shipping';
import { CallError } from '@parley/messaging';
import { shopProblemOf } from './problem';

const answered = (
  code: string,
  details: object,
  contract: typeof PlaceOrder | typeof GetOrder | typeof GetLabel = PlaceOrder,
) => shopProblemOf(new CallError(contract as never, code, details as never));

describe('what a customer is told', () => {
  it.each([
    ['unknown-sku', { sku: 'TEA-9999', line: 3 }, 422, 'lines.3.sku'],
    ['too-much', { total: 200_000_000, most: 100_000_000 }, 422, 'lines'],
    ['key-reused', { idempotencyKey: 'k' }, 409, undefined],
    ['unknown-order', { orderId: 'o' }, 404, undefined],
    ['no-label', { orderId: 'o' }, 404, undefined],
  ])('about an answer %s is its status, and the field', (code, details, status, field) => {
    expect(answered(code, details)).toMatchObject({
      status,
      ...(field ? { errors: [{ field, message: expect.any(String) }] } : {}),
    });
  });

  it.each(['unhandled', 'no-handler', 'invalid-reply'])(
    'about a fault of ours (%s) is nothing but that it is ours',
    (code) => {
      expect(answered(code, {})).toBeUndefined();
    },
  );

  it('about anything else is for the kit to say', () => {
    expect(shopProblemOf(new Error('password=secret'))).toBeUndefined();
  });
});
