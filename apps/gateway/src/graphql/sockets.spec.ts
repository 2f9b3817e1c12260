import { randomUUID } from 'node:crypto';
import { StockRejected, StockReserved } from '@contracts/inventory';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Authentication } from '../authentication';
import { EdgeOnTrial } from '../edge.fixture';
import { IssuerOnTrial, seconds } from '../issuer.fixture';
import { graphql, NEW_ORDER, PLACE } from './graphql.fixture';
import { GraphqlSettings } from './settings';
import { MAX_OPERATIONS } from './sockets';
import { SocketOnTrial } from './sockets.fixture';

const FOLLOW =
  'subscription ($id: ID!, $after: Int) { orderProgress(id: $id, after: $after) { number what status } }';

async function placed(edge: EdgeOnTrial, headers?: Record<string, string>): Promise<string> {
  const variables = { key: randomUUID(), order: NEW_ORDER };
  const { data } = await graphql(edge, PLACE, variables, headers);
  await edge.harness.settled();
  return (data as { placeOrder: { orderId: string } }).placeOrder.orderId;
}

const reject = async (edge: EdgeOnTrial, orderId: string) => {
  await edge.harness.publish(StockRejected, { orderId, sku: 'TEA-0001', reason: 'sold out' });
  await edge.harness.settled();
};

describe('a subscription', () => {
  let edge: EdgeOnTrial;
  beforeAll(
    async () =>
      void (edge = await EdgeOnTrial.start(undefined, new GraphqlSettings(true, undefined, 5))),
  );
  afterAll(() => edge.close());
  /** Nothing is left of a closed socket. */
  afterEach(async () => {
    while (edge.feed.watched > 0) await new Promise(setImmediate);
  });

  it('tells what happens to an order, to its end, to a usual client', async () => {
    const id = await placed(edge);
    const client = createClient({
      url: `${edge.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
    });
    const seen: unknown[] = [];
    for await (const { data } of client.iterate({ query: FOLLOW, variables: { id } })) {
      seen.push(data?.['orderProgress']);
      if (seen.length === 1) await reject(edge, id);
    }
    expect(seen).toEqual(
      [
        { number: 1, what: 'order placed', status: 'placed' },
        { number: 2, what: 'no stock of TEA-0001: sold out', status: null },
        { number: 3, what: 'order rejected: TEA-0001 is out of stock', status: 'rejected' },
      ].map((entry) => expect.objectContaining({ number: entry.number, what: entry.what })),
    );
    await client.dispose();
  });

  it('goes on after the last entry that a client has', async () => {
    const id = await placed(edge);
    await edge.harness.publish(StockReserved, { orderId: id });
    await edge.harness.settled();
    const socket = await SocketOnTrial.connect(edge.url);
    socket.subscribe('a', FOLLOW, { id, after: 1 });
    const first = await socket.message((one) => one.type === 'next');
    expect(first?.payload).toMatchObject({ data: { orderProgress: { number: 2 } } });
    socket.socket.terminate();
  });

  it('is one of a few on its socket', async () => {
    const id = await placed(edge);
    const socket = await SocketOnTrial.connect(edge.url);
    for (let count = 0; count <= MAX_OPERATIONS; count++)
      socket.subscribe(String(count), FOLLOW, { id });
    expect(await socket.all(String(MAX_OPERATIONS))).toEqual([
      [expect.objectContaining({ extensions: { code: 'too-many-requests' } })],
    ]);
    socket.say({ type: 'complete', id: '0' });
    while (edge.feed.watched === 0) await new Promise(setImmediate);
    socket.subscribe('further', FOLLOW, { id });
    expect(await socket.message((one) => one.id === 'further')).toMatchObject({ type: 'next' });
    socket.socket.terminate();
  });

  it('has a socket of a few', async () => {
    const sockets = [];
    for (let count = 0; count < 5; count++) sockets.push(await SocketOnTrial.connect(edge.url));
    await expect(SocketOnTrial.open(edge.url)).rejects.toThrow('503');
    sockets[0]!.socket.close();
    await sockets[0]!.over;
    while (sockets.length === 5)
      await SocketOnTrial.open(edge.url).then(
        (one) => sockets.push(one),
        () => undefined,
      );
    for (const { socket } of sockets) socket.terminate();
  });

  it.each([
    ['a query', '{ products { sku } }', 'invalid-document'],
    ['a mutation', PLACE, 'invalid-document'],
    ['an unknown field', 'subscription { orderProgress(id: "x") { colour } }', 'invalid-document'],
    ['a wrong variable', FOLLOW, 'invalid-document'],
    ['no GraphQL', 'subscription {', 'invalid-document'],
    ['an order that is not there', 'subscription { orderProgress(id: "x") { what } }', 'not-found'],
    [
      'two at a time',
      'subscription { a: orderProgress(id: "x") { what } b: orderProgress(id: "x") { what } }',
      'invalid-document',
    ],
    [
      'many aliases',
      `subscription { orderProgress(id: "x") { ${Array.from({ length: 31 }, (_, n) => `a${n}: what`).join(' ')} } }`,
      'too-complex',
    ],
  ])('is refused: %s', async (_, query, code) => {
    const socket = await SocketOnTrial.connect(edge.url);
    socket.subscribe('a', query);
    expect(JSON.stringify(await socket.all('a'))).toMatch(new RegExp(`"code":"${code}"`));
    socket.socket.close();
    expect((await socket.over)[0]).toBe(1005);
  });

  it.each([
    ['garbage', 'x', 4400],
    ['null', 'null', 4400],
    ['an unknown type', { type: 'start', id: 'a' }, 4400],
    ['a document as an object', { type: 'subscribe', id: 'a', payload: { query: {} } }, 4400],
    ['no document', { type: 'subscribe', id: 'a', payload: {} }, 4400],
    [
      'a subscription before the beginning',
      { type: 'subscribe', id: 'a', payload: { query: FOLLOW } },
      4401,
    ],
    ['a message that is too large', 'x'.repeat(70_000), 1009],
    ['a token that is no text', { type: 'connection_init', payload: { authorization: {} } }, 4403],
  ])('ends with its socket after %s', async (_, message, code) => {
    const socket = await SocketOnTrial.open(edge.url);
    socket.say(message);
    expect((await socket.over)[0]).toBe(code);
  });

  it('ends with its socket when an operation or the beginning comes twice', async () => {
    const id = await placed(edge);
    const socket = await SocketOnTrial.connect(edge.url);
    socket.subscribe('a', FOLLOW, { id });
    socket.subscribe('a', FOLLOW, { id });
    expect((await socket.over)[0]).toBe(4409);
    const other = await SocketOnTrial.connect(edge.url);
    other.say({ type: 'connection_init' });
    expect((await other.over)[0]).toBe(4429);
  });

  it('ends when its client does not read', async () => {
    const socket = await SocketOnTrial.connect(edge.url);
    socket.socket.pause();
    const payload = { text: 'x'.repeat(60_000) };
    let left = false;
    void socket.over.then(() => (left = true));
    socket.socket.on('error', () => (left = true));
    for (let count = 0; count < 2_000 && !left && socket.socket.readyState === 1; count++) {
      await new Promise<void>((resolve) =>
        socket.socket.send(JSON.stringify({ type: 'ping', payload }), () => resolve()),
      );
      await new Promise(setImmediate);
    }
    socket.socket.resume();
    expect((await socket.over)[0]).toBe(1006);
  });

  it.each([
    ['another path', '/orders', 'graphql-transport-ws', '404'],
    ['another protocol', '/graphql', 'graphql-ws', '400'],
    ['no protocol', '/graphql', undefined, '400'],
  ])('is not had at %s', async (_, path, protocol, status) => {
    const socket = new WebSocket(`${edge.url.replace('http', 'ws')}${path}`, protocol ?? []);
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(error.message).toContain(status);
  });

  describe('of a page', () => {
    let listing: EdgeOnTrial;
    beforeAll(async () => {
      const origins = ['https://shop.example'];
      listing = await EdgeOnTrial.start(undefined, undefined, { origins });
    });
    afterAll(() => listing.close());

    const opened = async (edge: EdgeOnTrial, origin: string) => {
      const socket = await SocketOnTrial.open(edge.url, { origin });
      socket.socket.terminate();
      return socket.over;
    };

    it.each(['https://evil.example', 'https://shop.example.evil.example', 'null', 'garbage'])(
      'is refused to one of the origin %s',
      async (origin) => {
        for (const one of [edge, listing]) await expect(opened(one, origin)).rejects.toThrow('403');
        await expect(opened(edge, 'https://shop.example')).rejects.toThrow('403');
      },
    );

    it("is open to one of an origin that is listed, and of the edge's own", async () => {
      await opened(listing, 'https://shop.example');
      for (const one of [edge, listing]) await opened(one, one.url);
    });
  });

  it('leaves requests that offer another protocol as they are', async () => {
    const offer =
      'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n';
    const body = JSON.stringify({ query: '{ product(sku: "TEA-0001") { sku } }' });
    const answers = [
      `GET /products HTTP/1.1\r\nhost: edge\r\n${offer}\r\n`,
      `POST /graphql HTTP/1.1\r\nhost: edge\r\n${offer}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ].map((request) =>
      edge.raw(`${request}GET /nowhere HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n`),
    );
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      expect(answer).toContain('TEA-0001');
      expect(answer).toContain('HTTP/1.1 404 ');
    }
  });
});

describe('a subscription of a customer', () => {
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

  it('is of his own orders', async () => {
    const id = await placed(edge, await issuer.headers('ada'));
    const eve = await SocketOnTrial.connect(edge.url, await issuer.bearer('eve'));
    eve.subscribe('a', FOLLOW, { id });
    expect(JSON.stringify(await eve.all('a'))).toContain('"code":"not-found"');
    const ada = await SocketOnTrial.connect(edge.url, await issuer.bearer('ada'));
    ada.subscribe('a', FOLLOW, { id });
    expect(await ada.message((one) => one.id === 'a')).toMatchObject({ type: 'next' });
    ada.socket.terminate();
    eve.socket.terminate();
  });

  it.each([
    ['no token', async () => undefined],
    ['garbage', async () => 'Bearer x'],
    [
      'a token that is over',
      () => issuer.bearer('ada', { iat: seconds() - 120, exp: seconds() - 60 }),
    ],
  ])('has no socket for %s', async (_, authorization) => {
    const socket = await SocketOnTrial.open(edge.url);
    socket.say({ type: 'connection_init', payload: { authorization: await authorization() } });
    expect(await socket.over).toEqual([4403, 'Forbidden']);
  });

  it('ends with the token', async () => {
    const id = await placed(edge, await issuer.headers('ada'));
    const headers = await issuer.headers('ada', { exp: seconds() + 2 });
    const socket = await SocketOnTrial.open(edge.url, headers);
    socket.say({ type: 'connection_init' });
    await socket.message(({ type }) => type === 'connection_ack');
    socket.subscribe('a', FOLLOW, { id });
    expect(await socket.over).toEqual([4403, 'The token is no longer good']);
  });

  it('ends with the edge', async () => {
    const last = await EdgeOnTrial.start();
    const socket = await SocketOnTrial.connect(last.url);
    await last.close();
    expect((await socket.over)[0]).toBe(1001);
  });

  it.each([
    ['a list', '{ orders { counts { placed } } }', ['unauthenticated']],
    [
      'an order',
      '{ order(id: "b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11") { status } }',
      ['unauthenticated'],
    ],
    ['the products', '{ products { sku } }', undefined],
  ])('is like a query without a token: %s', async (_, query, codes) => {
    const { errors } = await graphql(edge, query);
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(codes);
    const forged = await graphql(edge, query, undefined, { authorization: 'Bearer x.y.z' });
    expect(forged.errors?.map(({ extensions }) => extensions?.['code'])).toEqual(codes);
  });

  it('is of an order that others do not see by query, either', async () => {
    const id = await placed(edge, await issuer.headers('ada'));
    const query =
      'query ($id: ID!) { order(id: $id) { status } orders { edges { node { orderId } } } }';
    const eve = await graphql(edge, query, { id }, await issuer.headers('eve'));
    expect(eve.data).toEqual({ order: null, orders: { edges: [] } });
    const ada = await graphql(edge, query, { id }, await issuer.headers('ada'));
    expect(ada.data).toMatchObject({ order: { status: 'placed' } });
  });

  it("is of a guest's one order", async () => {
    const text =
      'mutation ($key: String!, $order: NewOrderInput!) { placeOrder(idempotencyKey: $key, order: $order) { orderId guest { token } } }';
    const { data } = await graphql(edge, text, { key: randomUUID(), order: NEW_ORDER });
    await edge.harness.settled();
    const { orderId: id, guest } = (
      data as { placeOrder: { orderId: string; guest: { token: string } } }
    ).placeOrder;
    const socket = await SocketOnTrial.connect(edge.url, `Bearer ${guest.token}`);
    socket.subscribe('a', FOLLOW, { id });
    expect(await socket.message((one) => one.id === 'a')).toMatchObject({ type: 'next' });
    socket.socket.terminate();
  });
});
