import { GetOrder, PlaceOrder } from '@contracts/orders';
import { GetLabel } from '@contracts/shipping';
import { CallError, InvalidMessage, OwnerUnavailable } from '@parley/messaging';
import { DeadlineExceeded } from '@parley/resilience';
import { problem, problemOf, Refused } from './problem';

const answered = (code: string, details: object, contract: typeof PlaceOrder | typeof GetOrder | typeof GetLabel = PlaceOrder) =>
  problemOf(new CallError(contract as never, code, details as never));

describe('what the caller is told', () => {
  it('is the refusal itself', () => {
    const refusal = problem(400, 'The header X is missing', undefined, [{ field: 'X', message: 'is missing' }]);
    expect(problemOf(new Refused(refusal))).toBe(refusal);
  });

  it('leaves out what there is not', () => {
    expect(problem(404, 'There is nothing here')).toEqual({ type: 'about:blank', title: 'There is nothing here', status: 404 });
    expect(Object.keys(problem(404, 'x'))).toHaveLength(3);
  });

  it.each([
    ['unknown-sku', { sku: 'TEA-9999', line: 3 }, 422, 'lines.3.sku'],
    ['too-much', { total: 200_000_000, most: 100_000_000 }, 422, 'lines'],
    ['invalid-request', [{ path: 'customer.email', message: 'is no address' }], 422, 'customer.email'],
    ['key-reused', { idempotencyKey: 'k' }, 409, undefined],
    ['unknown-order', { orderId: 'o' }, 404, undefined],
    ['no-label', { orderId: 'o' }, 404, undefined],
    ['deadline-exceeded', {}, 504, undefined],
  ])('about an answer %s is its status, and the field', (code, details, status, field) => {
    expect(answered(code, details)).toMatchObject({ status, ...(field ? { errors: [{ field, message: expect.any(String) }] } : {}) });
  });

  it.each(['unhandled', 'no-handler', 'invalid-reply', 'cancelled'])('about a fault of ours (%s) is nothing but that it is ours', (code) => {
    expect(answered(code, {})).toBeUndefined();
  });

  it('about a message that breaks its contract are the fields', () => {
    expect(problemOf(new InvalidMessage('orders.place-order', [{ path: 'lines', message: 'names a product twice' }]))).toMatchObject({
      status: 422,
      errors: [{ field: 'lines', message: 'names a product twice' }],
    });
  });

  it('about an owner that is late is that the outcome is unknown, about one that is away that nothing was done', () => {
    expect(problemOf(new DeadlineExceeded(PlaceOrder.name, 5_000))).toMatchObject({ status: 504, detail: expect.stringContaining('unknown') });
    expect(problemOf(new CallError(PlaceOrder, 'unavailable' as never, undefined as never))).toMatchObject({ status: 503 });
    expect(problemOf(new OwnerUnavailable(PlaceOrder, 'nobody answers'))).toMatchObject({ status: 503, detail: expect.stringContaining('Nothing was done') });
  });

  it('about an error of the framework is its status, in our words', () => {
    expect(problemOf(Object.assign(new Error('Request body is too large'), { statusCode: 413 }))).toMatchObject({ status: 413, title: 'The request is too large' });
    expect(problemOf(Object.assign(new Error('x'.repeat(5_000)), { statusCode: 414 }))?.detail).toHaveLength(200);
    expect(problemOf(Object.assign(new Error('I am a teapot'), { status: 418 }))).toMatchObject({ status: 418, title: 'The request was refused' });
  });

  it.each([
    ['an error', new Error('password=secret')],
    ['an error of 500', Object.assign(new Error('no'), { statusCode: 500 })],
    ['a text', 'no'],
    ['nothing', undefined],
    ['null', null],
  ])('about %s is nothing', (_what, error) => {
    expect(problemOf(error)).toBeUndefined();
  });
});
