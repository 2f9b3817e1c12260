import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ChangePrice, ListProducts } from '@contracts/catalog';
import { StockReserved } from '@contracts/inventory';
import { GetOrder, PlaceOrder } from '@contracts/orders';
import { OwnerUnavailableError, ReplyLostError } from '@parley/messaging';
import { ClientGoneError } from '@parley/service';
import { getIntrospectionQuery } from 'graphql';
import { EdgeOnTrial } from '../edge.fixture';
import { codesOf, graphql, type GraphqlResult, NEW_ORDER, PLACE } from './graphql.fixture';
import { GraphqlSettings, hashOf } from './settings';

describe('GraphQL at the edge', () => {
  let edge: EdgeOnTrial;
  beforeAll(async () => void (edge = await EdgeOnTrial.start()));
  afterAll(() => edge.close());

  const ask = (...request: [string | object, object?]) => graphql(edge, ...request);
  const place = (order: object = NEW_ORDER, key: string = randomUUID()) =>
    ask(PLACE, { key, order });
  const placed = async (order?: object): Promise<string> => {
    const { data, errors } = await place(order);
    expect(errors).toBeUndefined();
    await edge.harness.settled();
    return (data as { placeOrder: { orderId: string } }).placeOrder.orderId;
  };
  const calls = (contract: { name: string }) =>
    edge.asked.filter((one) => one.contract === contract.name).length;

  it('keeps nothing of the documents that it was asked, good ones and bad ones', async () => {
    const fields = (n: number) =>
      Array.from({ length: 28 }, (_, index) => `f${n}_${index}: sku`).join(' ');
    const ask300 = async (from: number) => {
      for (let n = from; n < from + 150; n++) {
        expect((await ask(`{ product(sku: "x") { ${fields(n)} } }`)).errors).toBeUndefined();
        expect((await ask(`{ product(sku: "x") { ${fields(n)} nowhere } }`)).errors).toHaveLength(
          1,
        );
      }
    };
    await ask300(0); // compiled code, and buffers of connections
    const before = heap();
    await ask300(1_000);
    expect((heap() - before) / 2 ** 20).toBeLessThan(8);
  });

  describe('what can be asked', () => {
    it('is the products, and one of them', async () => {
      const { data, status, type } = await ask(
        '{ products { sku } product(sku: "TEA-0001") { name price grams } none: product(sku: "x") { sku } }',
      );
      expect([status, type]).toEqual([200, 'application/json; charset=utf-8']);
      expect(data).toMatchObject({
        products: expect.arrayContaining([{ sku: 'TEA-0001' }]),
        product: { name: expect.any(String), price: 690, grams: expect.any(Number) },
        none: null,
      });
    });

    it('is a price', async () => {
      const { data } = await ask(
        'query ($lines: [LineInput!]!) { quote(lines: $lines) { total lines { sku price product { name } } } }',
        { lines: [{ sku: 'TEA-0001', quantity: 2 }] },
      );
      expect(data).toEqual({
        quote: {
          total: 1380,
          lines: [{ sku: 'TEA-0001', price: 690, product: { name: expect.any(String) } }],
        },
      });
    });

    it('is an order: placed, read, and the same under the same key', async () => {
      const key = randomUUID();
      const [first, again] = [await place(NEW_ORDER, key), await place(NEW_ORDER, key)];
      expect(first.data).toEqual({
        placeOrder: { orderId: expect.any(String), status: 'placed' },
      });
      expect(again.data).toEqual(first.data);
      const { orderId } = (first.data as { placeOrder: { orderId: string } }).placeOrder;
      await edge.harness.settled();
      const { data } = await ask(
        'query ($id: ID!) { order(id: $id) { status total history { number what } } }',
        { id: orderId },
      );
      expect(data).toEqual({
        order: { status: 'placed', total: 1380, history: [{ number: 1, what: 'order placed' }] },
      });
    });

    it('is a page of orders, and the one after it', async () => {
      const mine = [await placed(), await placed(), await placed()];
      await edge.harness.publish(StockReserved, { orderId: mine[0]! });
      await edge.harness.settled();
      const page = async (after?: string) => {
        const { data } = await ask(
          'query ($after: String) { orders(first: 2, after: $after) { edges { cursor node { orderId placedAt finishedAt } } pageInfo { hasNextPage endCursor } counts { placed reserved } } }',
          { after },
        );
        return (data as { orders: Page }).orders;
      };
      interface Page {
        edges: { cursor: string; node: { orderId: string } }[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
        counts: { placed: number; reserved: number };
      }
      const first = await page();
      const second = await page(first.pageInfo.endCursor);
      expect(first.edges.at(-1)!.cursor).toBe(first.pageInfo.endCursor);
      expect(first.pageInfo.hasNextPage).toBe(true);
      const seen = [...first.edges, ...second.edges].map(({ node }) => node.orderId);
      expect(seen.slice(0, 3)).toEqual(mine.reverse());
      expect(first.counts).toMatchObject({ reserved: 1 });
      const { data } = await ask('{ orders(status: reserved) { edges { node { status } } } }');
      expect(data).toEqual({ orders: { edges: [{ node: { status: 'reserved' } }] } });
    });

    it('is read by the type of GraphQL over HTTP, too', async () => {
      const answer = await graphql(edge, '{ products { sku } }', undefined, {
        accept: 'application/graphql-response+json, application/json;q=0.9',
      });
      expect(answer.type).toBe('application/graphql-response+json; charset=utf-8');
    });

    it('is the schema', async () => {
      const { data, errors } = await ask(getIntrospectionQuery());
      expect(errors).toBeUndefined();
      expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
    });
  });

  it('asks once for the products of all lines', async () => {
    const skus = ['TEA-0001', 'TEA-0002', 'COF-0003', 'HON-0001', 'POT-0008'];
    const orderId = await placed({
      ...NEW_ORDER,
      lines: skus.map((sku) => ({ sku, quantity: 1 })),
    });
    const before = [calls(ListProducts), calls(GetOrder)];
    const reading = jest.spyOn(edge.prices, 'all');
    const names = 'lines { product { sku } }';
    const { data, errors } = await ask(
      `query ($id: ID!) { a: order(id: $id) { ${names} } b: order(id: $id) { ${names} } }`,
      { id: orderId },
    );
    expect(errors).toBeUndefined();
    const lines = skus.map((sku) => ({ product: { sku } }));
    expect(data).toEqual({ a: { lines }, b: { lines } });
    expect(calls(GetOrder) - before[1]!).toBe(2);
    expect(calls(ListProducts) - before[0]!).toBeLessThanOrEqual(1);
    expect(reading).toHaveBeenCalledTimes(1);
    reading.mockRestore();
  });

  describe('an error', () => {
    const error = async (answer: Promise<GraphqlResult>) => {
      const { errors, status } = await answer;
      expect([status, errors?.length]).toEqual([200, 1]);
      return errors![0]!;
    };

    it('has the code and the details of its contract', async () => {
      const lines = [{ sku: 'TEA-9999', quantity: 1 }];
      const unknown = {
        message: 'The request breaks its schema',
        extensions: {
          code: 'unknown-sku',
          details: { sku: 'TEA-9999', line: 0 },
          errors: [{ field: 'lines.0.sku', message: 'TEA-9999 is not sold here' }],
        },
      };
      expect(await error(place({ ...NEW_ORDER, lines }))).toMatchObject(unknown);
      expect(
        await error(ask('{ quote(lines: [{ sku: "TEA-9999", quantity: 1 }]) { total } }')),
      ).toMatchObject({ path: ['quote'], ...unknown });
      const key = randomUUID();
      await place(NEW_ORDER, key);
      expect(await error(place({ ...NEW_ORDER, payment: { token: 'other' } }, key))).toMatchObject({
        extensions: { code: 'key-reused', details: { idempotencyKey: key } },
      });
      await edge.harness.call(ChangePrice, { sku: 'POT-0008', price: 100_000_000 });
      const much = [{ sku: 'POT-0008', quantity: 2 }];
      expect(await error(place({ ...NEW_ORDER, lines: much }))).toMatchObject({
        extensions: { code: 'too-much', details: { total: 200_000_000, most: 100_000_000 } },
      });
    });

    it.each([randomUUID(), 'garbage', ''])(
      'is one for an order that is not there: %s',
      async (id) => {
        const { extensions } = await error(
          ask('query ($id: ID!) { order(id: $id) { status } }', { id }),
        );
        expect(['unknown-order', 'not-found']).toContain(extensions?.['code']);
      },
    );

    it('names the wrong fields as REST does', async () => {
      const wrong = { ...NEW_ORDER, customer: { ...NEW_ORDER.customer, name: '' } };
      expect((await error(place(wrong))).extensions).toEqual({
        code: 'invalid-request',
        errors: [{ field: 'customer.name', message: 'is empty' }],
      });
      expect((await error(place(NEW_ORDER, ''))).extensions).toMatchObject({
        code: 'invalid-request',
        errors: [{ field: 'idempotencyKey', message: 'is empty' }],
      });
      for (const first of [0, 501, -1])
        expect(
          (await error(ask(`{ orders(first: ${first}) { counts { placed } } }`))).extensions,
        ).toMatchObject({ code: 'invalid-request', errors: [{ field: 'limit' }] });
    });

    it('leaves the rest of the answer whole', async () => {
      const { data, errors } = await ask('{ products { sku } order(id: "x") { status } }');
      expect(data).toMatchObject({ products: expect.any(Array), order: null });
      expect(errors).toMatchObject([{ path: ['order'] }]);
    });

    it('of ours is a reference, never a stack', async () => {
      edge.holding = Promise.reject(new TypeError('secret: cannot read "x" of undefined'));
      edge.holding.catch(() => undefined);
      const answer = ask('query ($id: ID!) { order(id: $id) { status } }', { id: randomUUID() });
      const { message, extensions } = await error(answer);
      delete edge.holding;
      expect(message).not.toContain('secret');
      expect(extensions).toEqual({
        code: 'internal',
        reference: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    });

    it.each([
      ['unavailable', '503 on REST', new OwnerUnavailableError(GetOrder, 'refused')],
      ['unavailable', '503 on REST, for it changes nothing', new ReplyLostError(GetOrder, 'reset')],
    ])('of a query is %s, as %s, when a service is away', async (code, _, away) => {
      edge.holding = Promise.reject(away);
      edge.holding.catch(() => undefined);
      const answer = ask('query ($id: ID!) { order(id: $id) { status } }', { id: randomUUID() });
      const { message, extensions } = await error(answer).finally(() => delete edge.holding);
      expect([message, extensions?.['code']]).toEqual([
        'A service is not available right now',
        code,
      ]);
    });

    it.each([
      [
        'nothing was done',
        new OwnerUnavailableError(PlaceOrder, 'refused'),
        'unavailable',
        /^Nothing was done/,
      ],
      [
        'nobody knows',
        new ReplyLostError(PlaceOrder, 'reset'),
        'deadline-exceeded',
        /unknown; ask again with the same Idempotency-Key/,
      ],
    ])('of a mutation tells that %s', async (_, away, code, detail) => {
      edge.holding = Promise.reject(away);
      edge.holding.catch(() => undefined);
      const { extensions } = await error(place()).finally(() => delete edge.holding);
      expect(extensions).toEqual({ code, detail: expect.stringMatching(detail) });
    });

    it('is one when the time of the request is over', async () => {
      jest.useFakeTimers({
        doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'],
      });
      try {
        edge.holding = new Promise(() => undefined);
        const before = calls(GetOrder);
        const answer = ask('query ($id: ID!) { order(id: $id) { status } products { sku } }', {
          id: randomUUID(),
        });
        while (calls(GetOrder) === before) await new Promise(setImmediate);
        jest.advanceTimersByTime(10_000);
        expect(codesOf(await answer)).toEqual(['deadline-exceeded']);
      } finally {
        delete edge.holding;
        jest.useRealTimers();
      }
    });
  });

  describe('a persisted operation', () => {
    const text = '{ products { sku } }';
    const persisted = (sha256Hash: string, query?: string) => ({
      query,
      extensions: { persistedQuery: { version: 1, sha256Hash } },
    });

    it('is sent once, then named', async () => {
      const query = `${text} #${randomUUID()}`;
      const unknown = await ask(persisted(hashOf(query)));
      expect([unknown.status, unknown.errors?.[0]?.message, codesOf(unknown)]).toEqual([
        400,
        'PersistedQueryNotFound',
        ['PERSISTED_QUERY_NOT_FOUND'],
      ]);
      expect((await ask(persisted(hashOf(query), query))).status).toBe(200);
      expect((await ask(persisted(hashOf(query)))).data).toHaveProperty('products');
    });

    it('is refused under the hash of another text', async () => {
      const wrong = await ask(persisted(hashOf('{ other }'), text));
      expect([wrong.status, codesOf(wrong)]).toEqual([400, ['invalid-request']]);
      expect((await ask(persisted(hashOf('{ other }')))).status).toBe(400);
    });

    it('is the only one that is executed, where a list says so', async () => {
      const only = await EdgeOnTrial.start(
        undefined,
        new GraphqlSettings(true, new Map([[hashOf(text), text]])),
      );
      try {
        for (const request of [
          persisted(hashOf(text)),
          persisted(hashOf(text), text),
          { query: text },
        ])
          expect((await graphql(only, request)).data).toHaveProperty('products');
        for (const request of [
          { query: '{ products { name } }' },
          persisted(hashOf('x')),
          { query: getIntrospectionQuery() },
        ]) {
          const answer = await graphql(only, request);
          expect([answer.status, codesOf(answer)]).toEqual([400, ['operation-not-allowed']]);
        }
      } finally {
        await only.close();
      }
    });
  });

  describe('a request whose client leaves', () => {
    /** Leaves while the first call waits. Returns that call. */
    const leave = async (request: object) => {
      const leaving = new AbortController();
      const before = edge.asked.length;
      const closed = new Promise((resolve) =>
        edge.server.once('request', (_, response) => response.once('close', resolve)),
      );
      const asking = fetch(`${edge.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
        signal: leaving.signal,
      });
      while (edge.asked.length === before) await new Promise(setImmediate);
      leaving.abort();
      await expect(asking).rejects.toThrow();
      await closed;
      await new Promise(setImmediate); // after every listener of the close
      return edge.asked[before]!;
    };
    let release: () => void;
    beforeEach(() => void (edge.holding = new Promise((resolve) => (release = resolve))));
    afterEach(() => {
      release();
      delete edge.holding;
    });

    it('is given up when it is a query', async () => {
      const query = `{ order(id: "${randomUUID()}") { status } }`;
      const { reply } = await leave({ query });
      await expect(reply).rejects.toBeInstanceOf(ClientGoneError);
    });

    it('is finished when it is a mutation', async () => {
      const variables = { key: randomUUID(), order: NEW_ORDER };
      const { reply } = await leave({ query: PLACE, variables });
      release();
      expect(await reply).toMatchObject({ status: 'placed' });
    });
  });

  it('keeps its schema to itself where introspection is off', async () => {
    const closed = await EdgeOnTrial.start(undefined, new GraphqlSettings(false));
    try {
      expect(codesOf(await graphql(closed, getIntrospectionQuery()))).toContain('invalid-document');
      expect(codesOf(await graphql(closed, '{ __type(name: "Order") { name } }'))).toEqual([
        'invalid-document',
      ]);
      const { errors } = await graphql(closed, '{ product(sku: "x") { nam } }');
      expect(errors?.[0]?.message).toBe('Cannot query field "nam" on type "Product".');
      expect((await graphql(closed, '{ products { __typename } }')).status).toBe(200);
    } finally {
      await closed.close();
    }
  });

  it('asks nobody to place an order that is wrong', async () => {
    const before = calls(PlaceOrder);
    await place({ ...NEW_ORDER, lines: [] });
    await ask(PLACE, { key: 'x', order: { ...NEW_ORDER, admin: true } });
    expect(calls(PlaceOrder)).toBe(before);
  });
});

/** Bytes of the heap in use. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
