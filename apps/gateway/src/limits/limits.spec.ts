import { Authentication } from '../authentication';
import { EdgeOnTrial, EventReader } from '../edge.fixture';
import { IssuerOnTrial } from '../issuer.fixture';
import { networkOf } from './client';
import { storeAt } from './limiter-store';
import { RateLimits } from './rate-limits';
import { countOf, from, place, statusOf } from './limits.fixture';
import { limitSettings } from './settings';

describe('an edge with limits', () => {
  let issuer: IssuerOnTrial;
  let edge: EdgeOnTrial;
  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    edge = await EdgeOnTrial.start(new Authentication(issuer.settings), undefined, {
      limits: { reads: { requests: 100, seconds: 600 }, writes: { requests: 5, seconds: 600 } },
      streams: { perClient: 3, inTotal: 5 },
      trustedProxies: ['127.0.0.1'],
      origins: ['https://shop.example'],
    });
  });
  afterAll(async () => {
    await edge.close();
    await issuer.close();
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${edge.url}${path}`, { headers });

  it('says what is left, and when to come back, as a problem', async () => {
    const client = from('192.0.2.10');
    const first = await get('/products', client);
    expect(first.headers.get('ratelimit-policy')).toBe('"reads";q=100;w=600');
    expect(first.headers.get('ratelimit')).toMatch(/^"reads";r=99;t=\d+$/);
    for (let n = 0; n < 99; n++) await statusOf(get('/products', client));
    const refused = await get('/products', client);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(500);
    expect(refused.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await refused.json()).toMatchObject({
      status: 429,
      title: 'These are too many requests',
      detail: expect.stringContaining('100 reads in 600 s'),
    });
  });

  it('counts writes apart from reads, and more strictly; an account by its token', async () => {
    const client = from('192.0.2.20');
    const writes = [];
    for (let n = 0; n < 6; n++) writes.push(await statusOf(place(edge.url, client)));
    expect(countOf(writes)).toEqual({ 202: 5, 429: 1 });
    expect(await statusOf(get('/products', client))).toBe(200);
    const ada = { ...client, ...(await issuer.headers('ada')) };
    for (let n = 0; n < 5; n++) expect(await statusOf(place(edge.url, ada))).toBe(202);
    const elsewhere = { ...from('192.0.2.21'), ...(await issuer.headers('ada')) };
    expect(await statusOf(place(edge.url, elsewhere))).toBe(429);
  });

  it('counts a query of GraphQL as a read, and a mutation as a write', async () => {
    const ask = (query: string) =>
      statusOf(
        fetch(`${edge.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...from('192.0.2.25') },
          body: JSON.stringify({ query }),
        }),
      );
    const [queries, mutations] = [[], []] as [number[], number[]];
    for (let n = 0; n < 8; n++) queries.push(await ask('{ products { sku } }'));
    for (let n = 0; n < 6; n++) mutations.push(await ask('mutation { __typename }'));
    expect([countOf(queries), countOf(mutations)]).toEqual([{ 200: 8 }, { 200: 5, 429: 1 }]);
  });

  it('does not believe an address in a header, unless a trusted proxy says it', async () => {
    const direct = await EdgeOnTrial.start(undefined, undefined, {
      limits: { reads: { requests: 2, seconds: 600 } },
    });
    try {
      const statuses = [];
      for (let n = 0; n < 3; n++)
        statuses.push(
          await statusOf(fetch(`${direct.url}/products`, { headers: from(`192.0.2.3${n}`) })),
        );
      expect(statuses).toEqual([200, 200, 429]);
    } finally {
      await direct.close();
    }
  });

  it('counts garbage tokens for the address', async () => {
    const client = { ...from('192.0.2.40'), authorization: 'Bearer garbage' };
    const statuses = [];
    for (let n = 0; n < 6; n++) statuses.push(await statusOf(place(edge.url, client)));
    expect(countOf(statuses)).toEqual({ 401: 5, 429: 1 });
  });

  it('lets a client have so many streams at the same time, and all together so many', async () => {
    const open = async (ip: string) => {
      const { orderId, guest } = (await (await place(edge.url, from(ip))).json()) as {
        orderId: string;
        guest: { token: string };
      };
      return EventReader.open(`${edge.url}/orders/${orderId}/events`, undefined, {
        ...from(ip),
        authorization: `Bearer ${guest.token}`,
      });
    };
    const own = [];
    for (let n = 0; n < 3; n++) own.push(await open('192.0.2.50'));
    const fourth = await open('192.0.2.50');
    expect(fourth.response.status).toBe(429);
    const others = [await open('192.0.2.51'), await open('192.0.2.52')];
    expect(others.map(({ response }) => response.status)).toEqual([200, 200]);
    const sixth = await open('192.0.2.53');
    expect([sixth.response.status, sixth.response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(edge.streams.count).toBe(5);
    expect(await statusOf(get('/products', from('192.0.2.54')))).toBe(200);
    for (const reader of [...own, ...others]) reader.leave();
    while (edge.streams.count > 0) await new Promise(setImmediate);
    const again = await open('192.0.2.55');
    expect(again.response.status).toBe(200);
    again.leave();
  });

  describe('pages of other origins', () => {
    const preflight = (origin: string) =>
      fetch(`${edge.url}/orders`, {
        method: 'OPTIONS',
        headers: {
          ...from('192.0.2.80'),
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization, idempotency-key',
        },
      });

    it('may use the edge from an origin that is listed', async () => {
      const response = await preflight('https://shop.example');
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example');
      for (const header of ['authorization', 'idempotency-key', 'request-timeout'])
        expect(response.headers.get('access-control-allow-headers')).toContain(header);
      expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    });

    it.each(['https://evil.example', 'https://shop.example.evil.example', 'null'])(
      'may not from %s',
      async (origin) => {
        const [asked, read] = [
          await preflight(origin),
          await get('/products', { ...from('192.0.2.81'), origin }),
        ];
        for (const response of [asked, read])
          expect(response.headers.get('access-control-allow-origin')).toBeNull();
      },
    );

    it('may not use an edge that lists none', async () => {
      const plain = await EdgeOnTrial.start();
      try {
        const headers = { origin: 'https://shop.example' };
        const response = await fetch(`${plain.url}/products`, { headers });
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
      } finally {
        await plain.close();
      }
    });
  });
});

describe('rate limits whose store is away', () => {
  it.each(['redis://127.0.0.1:1', 'postgres://nobody:nothing@127.0.0.1:1/nowhere'])(
    'are counted in memory meanwhile: %s',
    async (url) => {
      const limits = new RateLimits(
        { reads: { requests: 2, seconds: 60 }, writes: null },
        storeAt(url),
      );
      const over = [];
      for (let n = 0; n < 3; n++) over.push((await limits.count('client', 'reads'))?.isOver);
      expect(over).toEqual([false, false, true]);
      expect(await limits.count('client', 'writes')).toBeUndefined();
      await limits.onApplicationShutdown();
    },
  );
});

describe('the network of a client', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64'],
    ['2001:db8:0:1::2', '2001:db8:0:1::/64'],
    ['2001:0DB8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));
});

describe('settings of limits', () => {
  const read = (name: keyof typeof limitSettings, text: string): unknown =>
    limitSettings[name].safeParse(text).data;

  it.each<[keyof typeof limitSettings, string, unknown]>([
    ['RATE_LIMIT_READS', '100/1s', { requests: 100, seconds: 1 }],
    ['TRUSTED_PROXIES', '10.0.0.0/8, ::1,loopback', ['10.0.0.0/8', '::1', 'loopback']],
    [
      'CORS_ORIGINS',
      'https://a.example,http://127.0.0.1:5173',
      ['https://a.example', 'http://127.0.0.1:5173'],
    ],
    ['STREAMS_PER_CLIENT', '5', 5],
  ])('%s takes %s', (name, text, value) => expect(read(name, text)).toEqual(value));

  it('of a rate may be off', () => {
    expect(limitSettings.RATE_LIMIT_WRITES.safeParse('off')).toEqual({
      success: true,
      data: null,
    });
  });

  it.each<[keyof typeof limitSettings, string]>([
    ['RATE_LIMIT_READS', '100'],
    ['RATE_LIMIT_READS', '0/10s'],
    ['RATE_LIMIT_URL', 'mysql://host'],
    ['TRUSTED_PROXIES', 'everybody'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['CORS_ORIGINS', 'shop.example'],
    ['CORS_ORIGINS', 'https://shop.example/'],
    ['STREAMS_AT_MOST', '0'],
  ])('%s refuses %s', (name, text) =>
    expect(limitSettings[name].safeParse(text).success).toBe(false),
  );
});
