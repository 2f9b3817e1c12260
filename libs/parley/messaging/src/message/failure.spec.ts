import { describe as evidenceOf, LeaseLost, Unrecoverable } from './failure';

const thrower = (): never => {
  throw new Error('no');
};

describe('the evidence of a failure', () => {
  it('is the class, the message and the stack', () => {
    class CardExpired extends Unrecoverable {
      override readonly name = 'CardExpired';
    }
    expect(evidenceOf(new CardExpired('in May'))).toEqual({
      error: 'CardExpired',
      message: 'in May',
      stack: expect.stringContaining('failure.spec'),
    });
  });

  it.each<[unknown, string, string]>([
    ['a text', 'string', 'a text'],
    [undefined, 'undefined', 'undefined'],
    [null, 'object', 'null'],
    [42, 'number', '42'],
    [Symbol('s'), 'symbol', 'Symbol(s)'],
    [Object.create(null), 'object', 'something that cannot be shown'],
    [{ toString: () => thrower() }, 'object', 'something that cannot be shown'],
  ])('is there whatever was thrown: %#', (thrown, error, message) => {
    expect(evidenceOf(thrown)).toEqual({ error, message, stack: '' });
  });

  it('has its bounds', () => {
    const { message, stack } = evidenceOf(new Error('x'.repeat(5_000_000)));
    expect(message).toMatch(/^x{2000}… \(5000000 characters\)$/);
    expect(stack.length).toBeLessThan(9_000);
  });

  it('has a message and a class also where an error lost them', () => {
    const broken = Object.assign(new Error('m'), { message: 5, name: undefined, stack: undefined });
    expect(evidenceOf(broken)).toEqual({ error: 'Error', message: '5', stack: '' });
  });

  it('names the kit’s own errors', () => {
    expect(evidenceOf(new LeaseLost('gone')).error).toBe('LeaseLost');
  });
});
