import { type AccessOptions, OperationsAccess } from './operations-access';

const accessOf = (options: Partial<AccessOptions> = {}) =>
  new OperationsAccess({ ALLOWED_HOSTS: [], ...options });
const TOKEN = 'a-token-of-operators';
const statusOf = async (access: OperationsAccess, host?: string, authorization?: string) =>
  (await access.admit('GET', { host, authorization })).refusal?.status ?? 200;

describe('access to operations', () => {
  it.each(['127.0.0.1:4010', 'localhost', 'LOCALHOST:4010', '[::1]:4010'])(
    'answers requests to loopback, named as %s',
    async (host) => {
      expect(await statusOf(accessOf(), host)).toBe(200);
    },
  );

  it.each([
    undefined,
    '',
    'evil.example:4080',
    '127.0.0.1.evil.example',
    'localhost:80:80',
    'evil.example:1@localhost',
    '10.0.0.7',
  ])('refuses requests to a foreign host: %s', async (host) => {
    expect(await statusOf(accessOf({ OPERATIONS_TOKEN: TOKEN }), host, `Bearer ${TOKEN}`)).toBe(
      421,
    );
  });

  it('answers requests to the address it listens on, and to names that were allowed', async () => {
    const access = accessOf({
      HOST: '10.0.0.7',
      OPERATIONS_HOST: '10.0.0.8',
      OPERATIONS_TOKEN: TOKEN,
      ALLOWED_HOSTS: ['orders', 'Orders.shop.svc', '[fd00::7]', 'fd00::8'],
    });
    for (const host of [
      '10.0.0.7:3000',
      '10.0.0.8:9000',
      'orders:3000',
      'orders.shop.svc',
      '[fd00::7]:3000',
      '[fd00::8]:3000',
      'localhost',
    ])
      expect(await statusOf(access, host, `Bearer ${TOKEN}`)).toBe(200);
    expect(
      await statusOf(
        accessOf({ HOST: 'fd00::7', OPERATIONS_TOKEN: TOKEN }),
        '[fd00::7]:3000',
        `Bearer ${TOKEN}`,
      ),
    ).toBe(200);
    expect(
      await statusOf(
        accessOf({ HOST: '0.0.0.0', OPERATIONS_TOKEN: TOKEN }),
        '0.0.0.0:3000',
        `Bearer ${TOKEN}`,
      ),
    ).toBe(421);
  });

  it('asks for the token, letter by letter, and never tells it', async () => {
    const access = accessOf({ OPERATIONS_TOKEN: TOKEN });
    const wrong = [
      undefined,
      '',
      'Bearer ',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(0, -1)}`,
      `bearer ${TOKEN}`,
      `Basic ${TOKEN}`,
      TOKEN,
    ];
    for (const given of wrong) expect(await statusOf(access, 'localhost', given)).toBe(401);
    expect(await statusOf(access, 'localhost', `Bearer ${TOKEN}`)).toBe(200);
    expect((await access.admit('GET', { host: 'localhost' })).refusal?.message).not.toContain(
      TOKEN,
    );
  });
});
