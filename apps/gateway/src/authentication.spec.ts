import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { OrderPlaced, PlaceOrder } from '@contracts/orders';
import { Logger } from '@nestjs/common';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { Authentication } from './authentication';
import { EdgeOnTrial, EventReader } from './edge.fixture';
import { IssuerOnTrial, seconds } from './issuer.fixture';
import { ProblemError } from '@parley/service';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const order = { customer, lines: [{ sku: 'TEA-0001', quantity: 2 }], payment: { token: 'tok_ok' } };

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const aStranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

let issuer: IssuerOnTrial;

/** A good token of Ada, with some claims changed. */
const changed = (change: Readonly<Record<string, unknown>>) =>
  issuer.token(issuer.claims('ada', change));
const signed = (
  header: JWTHeaderParameters,
  key: Parameters<SignJWT['sign']>[0],
  claims: JWTPayload = issuer.claims('ada'),
) => new SignJWT(claims).setProtectedHeader(header).sign(key);
const unsigned = (header: object, signature = '') =>
  `${part(header)}.${part(issuer.claims('ada'))}.${signature}`;
/** Correctly signed, but only for verifiers that understand `until-noon`. */
const critical = () =>
  new SignJWT(issuer.claims('ada'))
    .setProtectedHeader({ alg: 'RS256', kid: 'rsa', crit: ['until-noon'], 'until-noon': true })
    .sign(issuer.pair('rsa').privateKey, { crit: { 'until-noon': true } });
/** The published key as the secret: its bytes, in each way in which it may be written. */
const publishedAsSecret = (format: 'pem' | 'jwk') => {
  const { publicKey } = issuer.pair('rsa');
  const text =
    format === 'pem'
      ? publicKey.export({ format, type: 'spki' })
      : JSON.stringify(publicKey.export({ format }));
  return signed({ alg: 'HS256', kid: 'rsa' }, Buffer.from(text));
};

describe('an edge that knows its customers', () => {
  let edge: EdgeOnTrial;

  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    edge = await EdgeOnTrial.start(new Authentication(issuer.settings));
  });
  afterAll(async () => {
    await edge.close();
    await issuer.close();
  });

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${edge.url}${path}`, { method, headers });
  const post = (
    headers: Record<string, string>,
    body: object = order,
    key: string = randomUUID(),
  ) =>
    fetch(`${edge.url}/orders`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
    });
  const place = async (who: string, key?: string): Promise<string> => {
    const response = await post(await issuer.headers(who), order, key);
    expect(response.status).toBe(202);
    return ((await response.json()) as { orderId: string }).orderId;
  };
  const refused = async (response: Response) => {
    expect([
      response.status,
      response.headers.get('www-authenticate'),
      response.headers.get('content-type'),
    ]).toEqual([401, 'Bearer', 'application/problem+json; charset=utf-8']);
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'This is for customers with a valid bearer token',
      status: 401,
    });
  };
  /** The next request with a good token is served. */
  const neighbour = () => place('neighbour');

  describe('a token that proves nothing', () => {
    let placed: number;
    let asked: number;
    beforeEach(async () => {
      await edge.harness.settled();
      placed = edge.harness.sent(OrderPlaced).length;
      asked = edge.asked.length;
    });
    afterEach(async () => void (await neighbour()));

    it.each<[string, () => string | Promise<string>]>([
      ['an empty one', () => 'Bearer '],
      ['a password', () => `Basic ${part('ada:secret')}`],
      ['no JWT', () => 'Bearer ada'],
      [
        'two parts of three',
        async () => `Bearer ${(await changed({})).split('.').slice(0, 2).join('.')}`,
      ],
      ['two tokens', async () => `Bearer ${await changed({})}, Bearer ${await changed({})}`],
    ])('is refused: %s', async (_what, write) => {
      const authorization = await write();
      await refused(await post(authorization === undefined ? {} : { authorization }));
      await edge.harness.settled();
      expect([edge.harness.sent(OrderPlaced).length, edge.asked.length]).toEqual([placed, asked]);
    });

    it.each<[string, () => string | Promise<string>]>([
      ['alg none', () => unsigned({ alg: 'none' })],
      ['alg None, with the id of a key', () => unsigned({ alg: 'None', kid: 'rsa' })],
      [
        'alg none, with a signature',
        async () => unsigned({ alg: 'none' }, (await changed({})).split('.')[2]),
      ],
      ['alg RS256 without a signature', () => unsigned({ alg: 'RS256', kid: 'rsa' })],
      ['HS256 with the public key as its secret, as PEM', () => publishedAsSecret('pem')],
      ['HS256 with the public key as its secret, as JWK', () => publishedAsSecret('jwk')],
      [
        'HS256 with zeros as its secret',
        () => signed({ alg: 'HS256', kid: 'rsa' }, Buffer.alloc(32)),
      ],
      [
        'a strange key under a known kid',
        () => signed({ alg: 'RS256', kid: 'rsa' }, aStranger.privateKey),
      ],
      [
        'a kid that nobody has',
        () => signed({ alg: 'RS256', kid: randomUUID() }, aStranger.privateKey),
      ],
      [
        'a kid that nobody has, and a known key',
        () => signed({ alg: 'RS256', kid: randomUUID() }, issuer.pair('rsa').privateKey),
      ],
      [
        'a kid that is a path',
        () => signed({ alg: 'RS256', kid: '../../dev/null' }, aStranger.privateKey),
      ],
      [
        'a key of its own, in its head',
        () =>
          signed(
            { alg: 'RS256', jwk: aStranger.publicKey.export({ format: 'jwk' }) as never },
            aStranger.privateKey,
          ),
      ],
      [
        'keys of its own, by URL',
        () =>
          signed({ alg: 'RS256', kid: 'mine', jku: `${edge.url}/products` }, aStranger.privateKey),
      ],
      [
        'the key of another algorithm',
        () => signed({ alg: 'ES256', kid: 'rsa' }, issuer.pair('ec').privateKey),
      ],
      ['a head that says what nobody here understands', () => critical()],
      [
        'another subject than was signed',
        async () => (await changed({})).replace(/\.[^.]+\./, `.${part(issuer.claims('eve'))}.`),
      ],
      ['the audience of another shop', () => changed({ aud: 'another-shop' })],
      ['a part of the audience', () => changed({ aud: 'the' })],
      ['no audience', () => changed({ aud: undefined })],
      ['another issuer', () => changed({ iss: 'https://login.example.org' })],
      ['the issuer with a slash', () => changed({ iss: 'https://login.example/' })],
      ['no issuer', () => changed({ iss: undefined })],
      ['an end that has passed', () => changed({ exp: seconds() - 60 })],
      ['an end that is a text', () => changed({ exp: `${seconds() + 600}` })],
      ['no end', () => changed({ exp: undefined })],
      ['a beginning that is to come', () => changed({ nbf: seconds() + 600 })],
      ['no subject', () => changed({ sub: undefined })],
      ['an empty subject', () => changed({ sub: '' })],
      ['a subject that is a number', () => changed({ sub: 7 })],
      ['a subject with a line break', () => changed({ sub: 'ada\neve' })],
      ['the nonce of an ID token', () => changed({ nonce: 'n' })],
      ['the at_hash of an ID token', () => changed({ at_hash: 'h' })],
      ["Keycloak's kind of an ID token", () => changed({ typ: 'ID' })],
      ["Keycloak's kind of a refresh token", () => changed({ typ: 'Refresh' })],
      ["Cognito's use of an ID token", () => changed({ token_use: 'id' })],
      [
        'the type of another JWT',
        () =>
          signed({ alg: 'RS256', kid: 'rsa', typ: 'logout+jwt' }, issuer.pair('rsa').privateKey),
      ],
      ['a beginning of life that is to come', () => changed({ iat: seconds() + 60 })],
      ['a life of more than a day', () => changed({ iat: seconds(), exp: seconds() + 86_460 })],
      ['an end in a thousand years', () => changed({ exp: seconds() + 31_536_000_000 })],
      ['a subject of 256 letters', () => changed({ sub: 'x'.repeat(256) })],
    ])('is refused: %s', async (_what, write) => {
      await refused(await post({ authorization: `Bearer ${await write()}` }));
      await edge.harness.settled();
      expect([edge.harness.sent(OrderPlaced).length, edge.asked.length]).toEqual([placed, asked]);
    });

    it('is refused in the address, and in a cookie', async () => {
      const token = await changed({});
      await refused(await get(`/orders?access_token=${token}`));
      await refused(await get('/orders', { cookie: `access_token=${token}` }));
    });
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'])(
    'takes a token signed by %s',
    async (alg) => {
      expect(
        (await post({ authorization: `Bearer ${await issuer.token(issuer.claims('ada'), alg)}` }))
          .status,
      ).toBe(202);
    },
  );

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['for several shops', { aud: ['another-shop', 'the-shop'] }],
    ['of a clock that is a little ahead', { nbf: seconds() + 5 }],
    ['of the longest subject', { sub: 'x'.repeat(255) }],
    ['that lives for a day', { iat: seconds(), exp: seconds() + 86_400 }],
    ["of Keycloak's kind", { typ: 'Bearer' }],
    ["of Cognito's use", { token_use: 'access' }],
  ])('takes a token %s', async (_what, change) => {
    expect((await post({ authorization: `bearer ${await changed(change)}` })).status).toBe(202);
  });

  it('takes a token that says that it is an access token', async () => {
    const token = await signed(
      { alg: 'RS256', kid: 'rsa', typ: 'at+JWT' },
      issuer.pair('rsa').privateKey,
    );
    expect((await post({ authorization: `Bearer ${token}` })).status).toBe(202);
  });

  it('ends a stream of events with the token that opened it', async () => {
    const orderId = await place('ada');
    const token = await changed({ exp: seconds() + 2 });
    const reader = await EventReader.open(`${edge.url}/orders/${orderId}/events`, undefined, {
      authorization: `Bearer ${token}`,
    });
    expect((await reader.next(1_000)).map(({ id }) => id)).toEqual(['1']); // to the end
  });

  describe('what it shows to whom', () => {
    const PUBLIC = ['/products', '/docs', '/openapi.json'];

    it.each(PUBLIC)('shows everybody %s', async (path) => {
      expect((await get(path)).status).toBe(200);
    });

    it('refuses strangers every other route it describes, and says so in the description', async () => {
      const { paths, components } = (await (await get('/openapi.json')).json()) as {
        paths: Record<string, Record<string, { security?: object[]; responses: object }>>;
        components: { securitySchemes: object };
      };
      expect(components.securitySchemes).toEqual({
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      });
      const routes = Object.entries(paths).flatMap(([path, verbs]) =>
        Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })),
      );
      const closed = routes.filter(({ path }) => !PUBLIC.includes(path));
      expect(closed).toHaveLength(6);
      for (const { path, verb, operation } of closed) {
        const response =
          verb === 'post'
            ? await post({ authorization: 'Bearer garbage' })
            : await get(path.replace('{id}', randomUUID()), {}, verb.toUpperCase());
        await refused(response);
        // An order is placed by guests, too.
        const security = verb === 'post' ? [{ bearer: [] }, {}] : [{ bearer: [] }];
        expect(operation).toMatchObject({ security, responses: { 401: {} } });
      }
      expect(paths['/products']!['get']).not.toHaveProperty('security');
    });

    it('refuses strangers the head of an order, too', async () => {
      expect((await get(`/orders/${await place('ada')}`, {}, 'HEAD')).status).toBe(401);
    });

    it('shows an order to whom it belongs, and says nothing of the account', async () => {
      const orderId = await place('ada');
      const response = await get(`/orders/${orderId}`, await issuer.headers('ada'));
      expect(response.status).toBe(200);
      const shown = (await response.json()) as object;
      expect(shown).toMatchObject({ orderId, total: 1380 });
      expect(shown).not.toHaveProperty('account');
      const reader = await EventReader.open(
        `${edge.url}/orders/${orderId}/events`,
        undefined,
        await issuer.headers('ada'),
      );
      expect((await reader.next(1)).map(({ id }) => id)).toEqual(['1']);
      reader.leave();
      expect((await get(`/orders/${orderId}/label`, await issuer.headers('ada'))).status).toBe(503); // shipping is not started
    });

    it.each([
      ['GET', '', 'eve'],
      ['HEAD', '', 'eve'],
      ['GET', '/events', 'eve'],
      ['GET', '/label', 'eve'],
      ['GET', '', 'ada '],
      ['GET', '', 'Ada'],
      ['GET', '', ' '],
    ])(
      'has no such order for another account: %s /orders/<id>%s, as "%s"',
      async (method, path, who) => {
        const [mine, nowhere] = [await place('ada'), randomUUID()];
        const headers = await issuer.headers(who);
        const answers = await Promise.all(
          [mine, nowhere].map((orderId) => get(`/orders/${orderId}${path}`, headers, method)),
        );
        expect(answers.map(({ status }) => status)).toEqual([404, 404]);
        const [reported, expected] = await Promise.all(answers.map((answer) => answer.text()));
        expect(reported).toBe(expected);
        expect((await get(`/orders/${mine}`, await issuer.headers('ada'))).status).toBe(200);
      },
    );

    it('lists only the orders of the account, and counts only them', async () => {
      const who = randomUUID();
      const orderIds = [await place(who), await place(who)];
      await place('ada');
      const { orders, counts } = (await (
        await get('/orders', await issuer.headers(who))
      ).json()) as {
        orders: { orderId: string }[];
        counts: Record<string, number>;
      };
      expect(orders.map(({ orderId }) => orderId).sort()).toEqual([...orderIds].sort());
      expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(2);
      const page = (await (
        await get('/orders?limit=500', await issuer.headers(randomUUID()))
      ).json()) as { orders: unknown[] };
      expect(page.orders).toEqual([]);
    });

    it('takes an account from nowhere but the token', async () => {
      const headers = await issuer.headers('eve');
      for (const body of [
        { ...order, account: 'ada' },
        { ...order, customer: { ...customer, account: 'ada' } },
      ])
        expect((await post(headers, body)).status).toBe(422);
      expect((await get('/orders?account=ada', headers)).status).toBe(422);
      const response = await post({ ...headers, account: 'ada', 'x-account': 'ada' });
      const { orderId } = (await response.json()) as { orderId: string };
      expect((await get(`/orders/${orderId}`, headers)).status).toBe(200);
      expect((await get(`/orders/${orderId}`, await issuer.headers('ada'))).status).toBe(404);
    });
  });

  describe('an Idempotency-Key', () => {
    it("is the account's own: of another one it is another order", async () => {
      const key = randomUUID();
      const mine = await place('ada', key);
      const theirs = await place('eve', key);
      expect(theirs).not.toBe(mine);
      expect([await place('ada', key), await place('eve', key)]).toEqual([mine, theirs]);
      expect((await get(`/orders/${mine}`, await issuer.headers('eve'))).status).toBe(404);
    });

    it('of another account does not stand in the way of another order', async () => {
      const [key, other] = [randomUUID(), { ...order, lines: [{ sku: 'TEA-0001', quantity: 3 }] }];
      await place('ada', key);
      expect((await post(await issuer.headers('ada'), other, key)).status).toBe(409);
      expect((await post(await issuer.headers('eve'), other, key)).status).toBe(202);
    });

    it.each(['', ' ', '.', ':', '/', '|', '","'])(
      'is not the same when account and key only look the same side by side: %j',
      async (between) => {
        const looks = (...parts: string[]) => parts.join(between);
        const first = await place('ada', looks('k', PlaceOrder.name, 'k'));
        expect(await place(looks('ada', PlaceOrder.name, 'k'), 'k')).not.toBe(first);
      },
    );
  });

  describe("the issuer's keys", () => {
    let clocks: jest.SpyInstance[];
    let ahead = 0;
    beforeEach(() => {
      const [timeOfDay, running] = [Date.now.bind(Date), performance.now.bind(performance)];
      clocks = [
        jest.spyOn(Date, 'now').mockImplementation(() => timeOfDay() + ahead),
        jest.spyOn(performance, 'now').mockImplementation(() => running() + ahead),
      ];
    });
    afterEach(() => {
      ahead = 0;
      for (const clock of clocks) clock.mockRestore();
      issuer.answer = (response) => issuer.tellKeys(response);
    });

    const strange = (kid: string = randomUUID()) =>
      signed({ alg: 'RS256', kid }, aStranger.privateKey);
    const accountOf = async (authentication: Authentication, authorization: string) =>
      (await authentication.customerOf(authorization))?.account;
    /** The status of the refusal. */
    const statusOf = async (authentication: Authentication, token: string) => {
      const error = await accountOf(authentication, `Bearer ${token}`).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return error instanceof ProblemError ? error.problem.status : error;
    };

    it('are asked for once, however many tokens name keys that nobody has', async () => {
      const authentication = new Authentication(issuer.settings);
      const before = issuer.asked;
      for (let n = 0; n < 50; n++)
        expect(await statusOf(authentication, await strange())).toBe(401);
      await Promise.all(
        Array.from({ length: 50 }, async () => statusOf(authentication, await strange())),
      );
      expect(issuer.asked).toBe(before + 1);
      expect(await accountOf(authentication, await issuer.bearer('ada'))).toBe('ada');
    });

    it('are not asked for by what could be no token', async () => {
      const [authentication, before] = [new Authentication(issuer.settings), issuer.asked];
      for (const token of ['garbage', unsigned({ alg: 'none' }), await publishedAsSecret('pem')])
        expect(await statusOf(authentication, token)).toBe(401);
      expect(issuer.asked).toBe(before);
    });

    it('are read anew for a key that was added, half a minute after they were read', async () => {
      const authentication = new Authentication(issuer.settings);
      await accountOf(authentication, await issuer.bearer('ada'));
      const token = await signed({ alg: 'ES256', kid: 'new' }, issuer.addKey('new').privateKey);
      expect(await statusOf(authentication, token)).toBe(401);
      ahead = 31_000;
      expect(await accountOf(authentication, `Bearer ${token}`)).toBe('ada');
    });

    it.each<[string, (response: ServerResponse) => void]>([
      ['breaks off', (response) => response.destroy()],
      ['fails', (response) => response.writeHead(500).end()],
      ['leads elsewhere', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
      ['tells no JSON', (response) => response.end('<html>')],
      ['tells no keys', (response) => response.end('{"keys":7}')],
      ['says nothing', () => undefined],
    ])(
      'are not known when the issuer %s: 503 for what may be a token, once a second, until it is back',
      async (_what, answer) => {
        const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
        const [authentication, before] = [new Authentication(issuer.settings), issuer.asked];
        const good = await issuer.token(issuer.claims('ada'));
        issuer.answer = answer;
        const statuses = await Promise.all(
          [good, good, await strange()].map((token) => statusOf(authentication, token)),
        );
        expect([
          ...statuses,
          await statusOf(authentication, good),
          await statusOf(authentication, 'garbage'),
        ]).toEqual([503, 503, 503, 503, 401]);
        expect(issuer.asked).toBe(before + 1);
        expect(warned).toHaveBeenCalledTimes(1);
        warned.mockRestore();
        issuer.answer = (response) => issuer.tellKeys(response);
        ahead = 1_000;
        expect(await accountOf(authentication, `Bearer ${good}`)).toBe('ada');
      },
    );

    it('that are known go on being used while the issuer is away', async () => {
      const authentication = new Authentication(issuer.settings);
      const good = await issuer.token(issuer.claims('ada'));
      await accountOf(authentication, `Bearer ${good}`);
      issuer.answer = (response) => response.destroy();
      ahead = 31_000;
      expect([
        await statusOf(authentication, await strange()),
        await accountOf(authentication, `Bearer ${good}`),
      ]).toEqual([503, 'ada']);
    });
  });
});

describe('an edge whose issuer is away', () => {
  it('tells when to come back, serves what is for everybody, and logs neither token nor subject', async () => {
    const logged: unknown[] = [];
    const levels = (['error', 'warn', 'log', 'debug', 'verbose'] as const).map((level) =>
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((...reported: unknown[]) => void logged.push(reported)),
    );
    issuer = await IssuerOnTrial.start();
    const { settings } = issuer;
    const headers = await issuer.headers('ada-the-subject');
    await issuer.close();
    const edge = await EdgeOnTrial.start(new Authentication(settings));
    try {
      const response = await fetch(`${edge.url}/orders`, { headers });
      expect([
        response.status,
        response.headers.get('retry-after'),
        response.headers.get('content-type'),
      ]).toEqual([503, '1', 'application/problem+json; charset=utf-8']);
      expect((await fetch(`${edge.url}/orders`)).status).toBe(401);
      expect((await fetch(`${edge.url}/products`)).status).toBe(200);
      const lines = inspect(logged, { depth: null });
      expect(lines).toContain('cannot be read');
      for (const secret of [...headers.authorization.split('.').slice(1), 'ada-the-subject'])
        expect(lines).not.toContain(secret);
    } finally {
      await edge.close();
      for (const level of levels) level.mockRestore();
    }
  });
});

describe('an open edge', () => {
  it('says once that it is open, takes any token for none, and describes no tokens', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const edge = await EdgeOnTrial.start(new Authentication());
    try {
      expect(warned.mock.calls).toEqual([
        [expect.stringContaining('set AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL')],
      ]);
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        authorization: 'Bearer garbage',
      };
      const response = await fetch(`${edge.url}/orders`, {
        method: 'POST',
        body: JSON.stringify(order),
        headers,
      });
      expect(response.status).toBe(202);
      expect((await fetch(`${edge.url}${response.headers.get('location')}`)).status).toBe(200);
      const description = await (await fetch(`${edge.url}/openapi.json`)).text();
      expect(description).not.toMatch(/bearer|401/);
      expect(warned).toHaveBeenCalledTimes(1);
    } finally {
      warned.mockRestore();
      await edge.close();
    }
  });
});
