import { HIDDEN, TEXT_LIMIT, withoutSecrets, withoutSecretsInText } from './redaction';

describe('redaction', () => {
  it.each([
    ['postgres://orders:s3cret@db:5432/parley', `postgres://orders:${HIDDEN}@db:5432/parley`],
    [
      'amqp://guest:p@ss@mq and redis://:hunter2@r',
      `amqp://guest:${HIDDEN}@mq and redis://:${HIDDEN}@r`,
    ],
    ['amqp://guest:p/a?s#s@mq:5672/shop', `amqp://guest:${HIDDEN}@mq:5672/shop`],
    ['http://127.0.0.1:4000/users/ada@example.com', 'http://127.0.0.1:4000/users/ada@example.com'],
    ['write kafka://user:password@host:9092', 'write kafka://user:password@host:9092'],
    ['authorization: Bearer abcdef.ghijkl', `authorization: Bearer ${HIDDEN}`],
    ['{"password":"x y","name":"Ada"}', `{"password":${HIDDEN},"name":"Ada"}`],
    ['Authorization was Basic YWRhOmh1bnRlcjI= there', `Authorization was Basic ${HIDDEN} there`],
    ['charged tok_declined for 3', `charged tok_${HIDDEN} for 3`],
    ['key sk_live_4eC39HqLyjW', `key sk_${HIDDEN}`],
    ['key rk_live_4eC39HqLyjW', `key rk_${HIDDEN}`],
    ['hook whsec_MfKQ9r8GKYqr', `hook whsec_${HIDDEN}`],
    ['task_1, work_2 and disk_3 stay', 'task_1, work_2 and disk_3 stay'],
    ['9p+x.y://ada:hunter2@h', `9p+x.y://ada:${HIDDEN}@h`],
    [
      'passphrase: hunter2; private-key=hunter2&api_key=hunter2',
      `passphrase: ${HIDDEN}; private-key=${HIDDEN}&api_key=${HIDDEN}`,
    ],
    [String.raw`{"body":"{\"password\":\"hunter2\"}"}`, `{"body":"{\\"password\\":${HIDDEN}}"}`],
    ["{ password: 'hunter2', name: 'Ada' }", `{ password: ${HIDDEN}, name: 'Ada' }`],
    ['{"token":"hunter2 that was cut', `{"token":${HIDDEN}`],
    [
      'http://127.0.0.1:4000/orders?by=ada@example.com',
      'http://127.0.0.1:4000/orders?by=ada@example.com',
    ],
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
    const error = new Error('cannot reach redis://:hunter2@r', {
      cause: new Error('password=hunter2'),
    });
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

  it('is bounded: a long text, and no part of a secret at the place where it is cut', () => {
    const text = `${' '.repeat(TEXT_LIMIT - 20)}amqp://guest:hunter2-and-more@mq ${'x'.repeat(60_000)}`;
    const shown = withoutSecretsInText(text);
    expect(shown).toHaveLength(TEXT_LIMIT + `… (${text.length} characters)`.length);
    expect(shown).toContain(`… (${text.length} characters)`);
    expect(shown).not.toContain('hunter');
  });

  it('is bounded: a value that refers to itself a hundred times, a million fields, texts without end', () => {
    const cycle: Record<string, unknown> = {};
    for (let n = 0; n < 100; n++) cycle[`self${n}`] = cycle;
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`field${n}`, n]));
    const deep = Array.from({ length: 90 }, () => ({
      text: Array.from({ length: 90 }, () => 'x'.repeat(60_000)),
    }));
    for (const value of [cycle, wide, deep, { ['n'.repeat(100_000)]: 1 }])
      expect(JSON.stringify(withoutSecrets(value)).length).toBeLessThan(200_000);
    expect(withoutSecrets({ deep: { deep: { deep: { deep: { deep: { deep: {} } } } } } })).toEqual({
      deep: { deep: { deep: { deep: { deep: { deep: '[deeper]' } } } } },
    });
  });

  it('shows the other fields of a value with one that cannot be read', () => {
    const gone = Proxy.revocable([], {});
    gone.revoke();
    const error = Object.assign(new Error('broken'), { stack: 5 });
    expect(withoutSecrets({ gone: gone.proxy, error, name: 'Ada' })).toEqual({
      gone: expect.stringContaining('[unreadable'),
      error: expect.objectContaining({ message: 'broken', stack: '5' }),
      name: 'Ada',
    });
  });

  it('hides what is secret in the names of fields, too', () => {
    expect(withoutSecrets({ tok_visa: 1 })).toEqual({ [`tok_${HIDDEN}`]: 1 });
  });

  it('leaves a value it was given as it was', () => {
    const given = { token: 'abc' };
    withoutSecrets(given);
    expect(given).toEqual({ token: 'abc' });
  });
});
