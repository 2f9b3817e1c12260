import { HIDDEN } from '@parley/messaging/transport';
import { TEXT_LIMIT, withoutSecrets, withoutSecretsInText } from './redaction';

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
    ['AWS_SECRET_ACCESS_KEY=hunter2 made', `AWS_SECRET_ACCESS_KEY=${HIDDEN} made`],
    ['{"secretAccessKey":"hunter2","id":1}', `{"secretAccessKey":${HIDDEN},"id":1}`],
    ['InvalidTokenError: it ended', 'InvalidTokenError: it ended'],
    [
      'Endpoint=sb://h/;SharedAccessKeyName=root;SharedAccessKey=aHVudGVyMg==;EntityPath=q',
      `Endpoint=sb://h/;SharedAccessKeyName=root;SharedAccessKey=${HIDDEN};EntityPath=q`,
    ],
    ['AccountName=a;AccountKey=aHVudGVyMg==', `AccountName=a;AccountKey=${HIDDEN}`],
    [
      'https://h/o?X-Amz-Date=1&X-Amz-Signature=abc123&x=1',
      `https://h/o?X-Amz-Date=1&X-Amz-Signature=${HIDDEN}&x=1`,
    ],
    ['https://h/blob?sv=1&sig=abc%3D&se=2', `https://h/blob?sv=1&sig=${HIDDEN}&se=2`],
    ['GET /\nCookie: a=1; session=hunter2\nHost: h', `GET /\nCookie: ${HIDDEN}\nHost: h`],
    ['set-cookie: a=1; Path=/, session=hunter2', `set-cookie: ${HIDDEN}`],
    ['"cookie":["a=1","session=hunter2"]', `"cookie":${HIDDEN}`],
    ["cookie: [\n  'a=1',\n  'b=hunter2'\n]\nHost: h", `cookie: ${HIDDEN}\nHost: h`],
    ['{"cookie":"a=1; b=\\"hunter2\\"","id":1}', `{"cookie":${HIDDEN},"id":1}`],
    ['Authorization: Token hunter2', `Authorization: ${HIDDEN}`],
    ['Authorization: Digest username="ada", response="hunter2"', `Authorization: ${HIDDEN}`],
    ['Authorization: Bearer short', `Authorization: Bearer ${HIDDEN}`],
    ['a token of eyJhbGciOiJub25lIn0.e30.c2ln.', `a token of ${HIDDEN}`],
    ['eyJhbGciOiJIUzI1NiJ9 has no dots', 'eyJhbGciOiJIUzI1NiJ9 has no dots'],
    [
      'key -----BEGIN RSA PRIVATE KEY-----\nMIIhunter2\n-----END RSA PRIVATE KEY----- read',
      `key ${HIDDEN} read`,
    ],
    ['-----BEGIN PRIVATE KEY-----\\nMIIhunter2 that was cut', HIDDEN],
    ['kafka://a:hunter2@h,kafka://b:hunter3@h', `kafka://a:${HIDDEN}@h`],
  ])('hides what is secret in %j', (text, expected) => {
    expect(withoutSecretsInText(text)).toBe(expected);
  });

  it('hides the password of a URL, however long, and that of the next one', () => {
    const text = `a://b:${'p'.repeat(5_000)}@h, c://d:hunter2@h`;
    expect(withoutSecretsInText(text)).toBe(`a://b:${HIDDEN}@h, c://d:${HIDDEN}@h`);
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

  it.each([
    ['a password of a URL', 'amqp://guest:'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\n'],
    ['a quoted password', '"password":"'],
    ['a cookie', 'cookie: '],
  ])('shows nothing of %s that begins before that place and ends far behind it', (_, start) => {
    const text = `${' '.repeat(TEXT_LIMIT - 50)}${start}${'hunter2'.repeat(1_000)}@mq`;
    expect(withoutSecretsInText(text)).not.toContain('hunter');
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
