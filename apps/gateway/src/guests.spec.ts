import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { Authentication } from './authentication';
import { EdgeOnTrial, EventReader } from './edge.fixture';
import { GUEST_TOKEN_LIFE_MS, GuestTokens } from './guest-tokens';
import { IssuerOnTrial } from './issuer.fixture';

const address = { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country: 'GB' };
const order = {
  customer: { name: 'Gus', email: 'gus@example.org', address },
  lines: [{ sku: 'TEA-0001', quantity: 2 }],
  payment: { token: 'tok_ok' },
};

interface Accepted {
  readonly orderId: string;
  readonly guest?: { readonly token: string; readonly expiresAt: string };
}

describe('orders and their owners', () => {
  let issuer: IssuerOnTrial;
  let edge: EdgeOnTrial;
  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    edge = await EdgeOnTrial.start(new Authentication(issuer.settings));
  });
  afterAll(async () => {
    await edge.close();
    await issuer.close();
  });

  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${edge.url}${path}`, { method, headers });
  const place = async (headers: Record<string, string> = {}, key: string = randomUUID()) => {
    const response = await fetch(`${edge.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
      body: JSON.stringify(order),
    });
    expect(response.status).toBe(202);
    return (await response.json()) as Accepted;
  };
  const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });
  const guest = async () => {
    const { orderId, guest } = await place();
    return { orderId, headers: bearer(guest!.token) };
  };
  /** Routes about one order, of the router. */
  const routesOfOneOrder = () => edge.routes.filter(({ path }) => path.includes(':id'));
  const statusOf = async (
    { method, path }: { method: string; path: string },
    orderId: string,
    headers: Record<string, string>,
  ) => {
    const response = await ask(path.replace(':id', orderId), headers, method);
    await response.body?.cancel();
    return response.status;
  };

  it('are hidden from every other customer and guest, by every route with an id', async () => {
    const ada = await issuer.headers('ada');
    const mine = await place(ada);
    const [eve, stranger] = [await issuer.headers('eve'), await guest()];
    expect(routesOfOneOrder().length).toBeGreaterThanOrEqual(6);
    for (const route of routesOfOneOrder())
      for (const orderId of [mine.orderId, stranger.orderId, randomUUID(), 'garbage', '%00'])
        for (const headers of [eve, stranger.headers].filter(
          (one) => one !== stranger.headers || orderId !== stranger.orderId,
        ))
          expect([
            route,
            orderId,
            [403, 404].includes(await statusOf(route, orderId, headers)),
          ]).toEqual([route, orderId, true]);
    expect((await ask(`/orders/${mine.orderId}`, ada)).status).toBe(200);
  });

  it("of a guest are opened by the reply's token, by each route of that order", async () => {
    const { orderId, headers } = await guest();
    expect((await ask(`/orders/${orderId}`, headers)).status).toBe(200);
    const reader = await EventReader.open(
      `${edge.url}/orders/${orderId}/events`,
      undefined,
      headers,
    );
    expect((await reader.next(1)).map(({ id }) => id)).toEqual(['1']);
    reader.leave();
    expect((await ask(`/orders/${orderId}/label`, headers)).status).toBe(503); // shipping is not started
  });

  it('of a guest stay closed without the token, and it opens no list', async () => {
    const { orderId, headers } = await guest();
    for (const route of routesOfOneOrder())
      expect([route, await statusOf(route, orderId, {})]).toEqual([route, 401]);
    expect((await ask('/orders')).status).toBe(401);
    expect((await ask('/orders', headers)).status).toBe(401);
  });

  it('of a customer come without such a token, and so do those of an open edge', async () => {
    expect(await place(await issuer.headers('ada'))).not.toHaveProperty('guest');
    const open = await EdgeOnTrial.start();
    const { url } = edge;
    try {
      Object.defineProperty(edge, 'url', { value: open.url, configurable: true });
      expect(await place()).not.toHaveProperty('guest');
    } finally {
      Object.defineProperty(edge, 'url', { value: url, configurable: true });
      await open.close();
    }
  });

  it('of a guest are the same for the same key, and cannot take the key of an account', async () => {
    const key = randomUUID();
    const first = await place({}, key);
    expect((await place({}, key)).orderId).toBe(first.orderId);
    expect((await place(await issuer.headers('ada'), key)).orderId).not.toBe(first.orderId);
  });

  it('of a guest are placed with a token that is still good, or with none', async () => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const response = await fetch(`${edge.url}/orders`, {
      method: 'POST',
      headers: { ...headers, authorization: 'Bearer garbage' },
      body: JSON.stringify(order),
    });
    expect(response.status).toBe(401);
  });

  it('are not opened by a token that was forged, is over, or has another audience', async () => {
    const { orderId } = await place();
    const signed = (
      key: Uint8Array,
      { typ = 'guest+jwt', audience = 'one-order', expires = '1h' as string | null } = {},
    ) => {
      const token = new SignJWT({ order: orderId })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setAudience(audience);
      return (expires === null ? token : token.setExpirationTime(expires)).sign(key);
    };
    const anotherKey = new Uint8Array(32).fill(7);
    const unsigned = [
      '{"alg":"none","typ":"guest+jwt"}',
      JSON.stringify({ order: orderId, exp: 9e9 }),
    ]
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    for (const token of [
      await signed(anotherKey),
      `${unsigned}.`,
      await issuer.token({ order: orderId }),
    ])
      expect((await ask(`/orders/${orderId}`, bearer(token))).status).toBe(401);

    const tokens = new GuestTokens(anotherKey);
    expect(await tokens.orderOf(await signed(anotherKey))).toMatchObject({ orderId });
    for (const wrong of [
      { typ: 'at+jwt' },
      { audience: 'the-shop' },
      { expires: '-1s' },
      { expires: null },
    ])
      await expect(tokens.orderOf(await signed(anotherKey, wrong))).rejects.toThrow();
  });

  it('have a token for a month, that each instance with the same secret takes', async () => {
    const secret = { OPERATIONS_TOKEN: 'a-token-of-operators' };
    const before = Date.now();
    const { token, expiresAt } = await GuestTokens.from(secret).tokenFor(
      '7e6f1f6a-4a2c-4a0c-9f0e-0d6a8f8f0f11',
    );
    const issuedAt = Date.parse(expiresAt) - GUEST_TOKEN_LIFE_MS;
    expect(issuedAt).toBeGreaterThan(before - 1_000); // a token counts whole seconds
    expect(issuedAt).toBeLessThanOrEqual(Date.now());
    expect(await GuestTokens.from(secret).orderOf(token)).toMatchObject({
      orderId: '7e6f1f6a-4a2c-4a0c-9f0e-0d6a8f8f0f11',
    });
    await expect(GuestTokens.from({}).orderOf(token)).rejects.toThrow();
    const own = { ...secret, GUEST_TOKENS_KEY: 'another key, of the edge alone: 32' };
    await expect(GuestTokens.from(own).orderOf(token)).rejects.toThrow();
  });
});
