import { HIDDEN, withoutSecrets, withoutSecretsInText } from './redaction';

describe('redaction', () => {
  it.each([
    ['postgres://orders:s3cret@db:5432/parley', `postgres://orders:${HIDDEN}@db:5432/parley`],
    ['amqp://guest:p@ss@mq and redis://:hunter2@r', `amqp://guest:${HIDDEN}@mq and redis://:${HIDDEN}@r`],
    ['amqp://guest:p/a?s#s@mq:5672/shop', `amqp://guest:${HIDDEN}@mq:5672/shop`],
    ['http://127.0.0.1:4000/users/ada@example.com', 'http://127.0.0.1:4000/users/ada@example.com'],
    ['write kafka://user:password@host:9092', 'write kafka://user:password@host:9092'],
    ['authorization: Bearer abcdef.ghijkl', `authorization: Bearer ${HIDDEN}`],
    ['{"password":"x y","name":"Ada"}', `{"password":${HIDDEN},"name":"Ada"}`],
    ['charged tok_declined for 3', `charged tok_${HIDDEN} for 3`],
    ['http://127.0.0.1:4000/orders?by=ada@example.com', 'http://127.0.0.1:4000/orders?by=ada@example.com'],
  ])('hides what is secret in %j', (text, expected) => {
    expect(withoutSecretsInText(text)).toBe(expected);
  });

  it('hides fields by their name, however deep, and leaves the others', () => {
    const order = {
      payment: { token: 'tok_ok' },
      headers: { Authorization: 'Basic eDp5', cookie: 'a=b' },
      lines: [{ sku: 'A', apiKey: 1 }],
    };
    expect(withoutSecrets(order)).toEqual({
      payment: { token: HIDDEN },
      headers: { Authorization: HIDDEN, cookie: HIDDEN },
      lines: [{ sku: 'A', apiKey: HIDDEN }],
    });
  });

  it('hides secrets in the message, stack and cause of an error', () => {
    const error = new Error('cannot reach redis://:hunter2@r', { cause: new Error('password=hunter2') });
    expect(JSON.stringify(withoutSecrets(error))).not.toContain('hunter2');
  });

  it('survives what cannot be logged: cycles, getters that throw, bigint, symbols', () => {
    const cycle: Record<string, unknown> = { big: 1n, symbol: Symbol('x') };
    cycle['self'] = cycle;
    const trap = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(() => JSON.stringify(withoutSecrets({ cycle, trap }))).not.toThrow();
  });

  it('leaves a value it was given as it was', () => {
    const given = { token: 'abc' };
    withoutSecrets(given);
    expect(given).toEqual({ token: 'abc' });
  });
});
