import { randomUUID } from 'node:crypto';
import { ChangePrice } from '@contracts/catalog';
import { StockRejected, StockReserved } from '@contracts/inventory';
import { GetOrder, OrderPlaced, PlaceOrder } from '@contracts/orders';
import { EdgeOnTrial, EventReader } from './edge.fixture';
import type { Problem } from '@parley/service';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const order = { customer, lines: [{ sku: 'TEA-0001', quantity: 2 }], payment: { token: 'tok_ok' } };
const JSON_TYPE = { 'content-type': 'application/json' };

const withName = (name: string) => ({ ...order, customer: { ...customer, name } });
const withQuantity = (quantity: unknown) => ({ ...order, lines: [{ sku: 'TEA-0001', quantity }] });
/** The order as text, with something put in by hand that JSON.stringify would not write. */
const written = (mark: string, text: string, marked: object = order) =>
  JSON.stringify(marked).replace(JSON.stringify(mark), text);

describe('the edge', () => {
  let edge: EdgeOnTrial;

  beforeAll(async () => void (edge = await EdgeOnTrial.start()));
  afterAll(() => edge.close());

  const post = (body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`${edge.url}/orders`, {
      method: 'POST',
      body,
      headers: { ...JSON_TYPE, 'idempotency-key': randomUUID(), ...headers },
    });
  const place = (body: object = order, key: string = randomUUID()) =>
    post(JSON.stringify(body), { 'idempotency-key': key });

  /** Every refusal is a problem that says its own status; resolves with the names of its fields. */
  const problemIn = async (
    response: Response,
    status: number,
  ): Promise<Problem & { fields: string[] }> => {
    const text = await response.text();
    expect([response.status, response.headers.get('content-type'), text]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
      text,
    ]);
    const problem = JSON.parse(text) as Problem;
    expect(problem).toMatchObject({
      type: 'about:blank',
      title: expect.stringMatching(/^[A-Z].{5,}/),
      status,
    });
    return { ...problem, fields: (problem.errors ?? []).map(({ field }) => field) };
  };

  describe('an order that is in order', () => {
    it('is accepted, and found where the answer says', async () => {
      const response = await place();
      expect(response.status).toBe(202);
      const accepted = (await response.json()) as { orderId: string; status: string };
      expect(accepted).toEqual({ orderId: expect.any(String), status: 'placed' });
      expect(response.headers.get('location')).toBe(`/orders/${accepted.orderId}`);
      const seen = await fetch(new URL(response.headers.get('location')!, edge.url));
      expect(await seen.json()).toMatchObject({
        orderId: accepted.orderId,
        status: 'placed',
        total: 1380,
        history: [{ number: 1, what: 'order placed', by: 'orders', at: expect.any(String) }],
      });
    });

    it('is the same order under the same key', async () => {
      const key = randomUUID();
      const [first, second] = [await place(order, key), await place(order, key)];
      expect(second.status).toBe(202);
      expect(await second.json()).toEqual(await first.json());
    });

    it('is the same order also when its fields come in another order, with space around a name', async () => {
      const key = randomUUID();
      const { payment, lines } = order;
      const turned = {
        payment,
        lines: lines.map(({ sku, quantity }) => ({ quantity, sku })),
        customer: { ...customer, name: ' Ada ' },
      };
      expect(await (await place(turned, key)).json()).toEqual(
        await (await place(order, key)).json(),
      );
    });

    it('may be written in any letters', async () => {
      expect((await place(withName('Zoë Ødegård 李 🫖'))).status).toBe(202);
    });

    it('may say its character set', async () => {
      expect(
        (await post(JSON.stringify(order), { 'content-type': 'application/json; charset=utf-8' }))
          .status,
      ).toBe(202);
    });

    it('carries the id of its conversation', async () => {
      expect((await place()).headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('is in the list', async () => {
      const { orderId } = (await (await place()).json()) as { orderId: string };
      const page = (await (await fetch(`${edge.url}/orders?limit=500&status=placed`)).json()) as {
        orders: { orderId: string }[];
      };
      expect(page.orders.map((one) => one.orderId)).toContain(orderId);
    });
  });

  describe('a list that grows', () => {
    interface Page {
      readonly orders: readonly { readonly orderId: string }[];
      readonly next?: string;
    }
    const page = async (query: string): Promise<Page> =>
      (await (await fetch(`${edge.url}/orders?${query}`)).json()) as Page;

    it('comes a page at a time: each order once, by cursors that say nothing', async () => {
      for (let count = 0; count < 5; count++) await place();
      await edge.harness.settled();
      const all = (await page('limit=500')).orders.map(({ orderId }) => orderId);
      const paged: string[] = [];
      for (let next: string | undefined = ''; next !== undefined;) {
        const { orders, next: further }: Page = await page(
          `limit=2${next ? `&before=${next}` : ''}`,
        );
        paged.push(...orders.map(({ orderId }) => orderId));
        if (further !== undefined) expect(further).toMatch(/^[\w-]+$/);
        next = further;
      }
      expect(paged).toEqual(all);
    });
  });

  describe('what it cannot take', () => {
    let asked: number;
    let placed: number;
    const sent = () => edge.asked.filter(({ contract }) => contract === PlaceOrder.name).length;
    beforeEach(() => {
      asked = sent();
      placed = edge.harness.sent(OrderPlaced).length;
    });
    /** Nothing was stored, nothing was sent; the next request is served. */
    afterEach(async () => {
      await edge.harness.settled();
      expect(edge.harness.sent(OrderPlaced)).toHaveLength(placed);
      expect((await place()).status).toBe(202);
      await edge.harness.settled();
    });
    const nothingWasAsked = () => expect(sent()).toBe(asked);

    it.each([
      ['half an object', '{"customer":'],
      ['a word', 'order'],
      ['two values', '{} {}'],
      ['nothing but space', '   '],
      ['a number that is none', '{"lines":[{"sku":"TEA-0001","quantity":NaN}]}'],
    ])('is no JSON: %s', async (_what, body) => {
      const problem = await problemIn(await post(body), 400);
      expect(problem.detail).toContain('JSON');
      nothingWasAsked();
    });

    it('is 5,000 levels deep', async () => {
      const problem = await problemIn(await post('['.repeat(5_000) + ']'.repeat(5_000)), 400);
      expect(problem.detail).toContain('nested deeper than');
      await problemIn(await post('{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000)), 400);
      nothingWasAsked();
    });

    it('is no UTF-8', async () => {
      const [before, after] = JSON.stringify(withName('~')).split('~') as [string, string];
      const problem = await problemIn(
        await post(
          Buffer.concat([Buffer.from(before), Buffer.from([0xc3, 0x28]), Buffer.from(after)]),
        ),
        400,
      );
      expect(problem.detail).toContain('UTF-8');
      nothingWasAsked();
    });

    it.each([
      ['-1', -1, 'lines.0.quantity'],
      ['0', 0, 'lines.0.quantity'],
      ['1.5', 1.5, 'lines.0.quantity'],
      ['1001', 1001, 'lines.0.quantity'],
      ['1e308', 1e308, 'lines.0.quantity'],
      ['2^53', 2 ** 53, 'lines.0.quantity'],
      ['a text', '2', 'lines.0.quantity'],
      ['null', null, 'lines.0.quantity'],
      ['a list', [1], 'lines.0.quantity'],
    ])('has the quantity %s', async (_what, quantity, field) => {
      expect(new Set((await problemIn(await place(withQuantity(quantity)), 422)).fields)).toEqual(
        new Set([field]),
      );
      nothingWasAsked();
    });

    it('has a quantity beyond every number', async () => {
      const body = written('many', '1e999', withQuantity('many'));
      expect((await problemIn(await post(body), 422)).fields).toEqual(['lines.0.quantity']);
      nothingWasAsked();
    });

    it('has a product that nobody sells', async () => {
      const lines = [
        { sku: 'TEA-0001', quantity: 1 },
        { sku: 'TEA-9999', quantity: 1 },
      ];
      const problem = await problemIn(await place({ ...order, lines }), 422);
      expect(problem.errors).toEqual([
        { field: 'lines.1.sku', message: 'TEA-9999 is not sold here' },
      ]);
    });

    it.each(['', 'tea-0001', 'TEA-0001; drop table orders', '../../etc/passwd', 'TEA-00012'])(
      'has no product number at all: %s',
      async (sku) => {
        expect(
          (await problemIn(await place({ ...order, lines: [{ sku, quantity: 1 }] }), 422)).fields,
        ).toEqual(['lines.0.sku']);
        nothingWasAsked();
      },
    );

    it('names a product twice', async () => {
      const lines = [
        { sku: 'TEA-0001', quantity: 1 },
        { sku: 'TEA-0001', quantity: 2 },
      ];
      expect((await problemIn(await place({ ...order, lines }), 422)).fields).toEqual(['lines']);
    });

    it('has no line, or too many', async () => {
      expect((await problemIn(await place({ ...order, lines: [] }), 422)).fields).toEqual([
        'lines',
      ]);
      const lines = Array.from({ length: 101 }, (_, n) => ({
        sku: `TEA-${1000 + n}`,
        quantity: 1,
      }));
      expect((await problemIn(await place({ ...order, lines }), 422)).fields).toEqual(['lines']);
      nothingWasAsked();
    });

    it('is worth more than can be paid', async () => {
      await edge.harness.call(ChangePrice, { sku: 'POT-0008', price: 100_000_000 });
      const problem = await problemIn(
        await place({ ...order, lines: [{ sku: 'POT-0008', quantity: 2 }] }),
        422,
      );
      expect(problem.errors).toEqual([
        { field: 'lines', message: expect.stringContaining('€1000000.00') },
      ]);
    });

    it.each([
      ['NUL', '"a\\u0000b"'],
      ['the first half of a pair', '"a\\ud800b"'],
      ['the second half of a pair', '"\\udfff"'],
      ['a line break', '"a\\nb"'],
      ['nothing', '""'],
      ['only space', '"   "'],
      ['201 letters', JSON.stringify('x'.repeat(201))],
      ['a number', '7'],
    ])('has a name of %s', async (_what, name) => {
      expect((await problemIn(await post(written('~', name, withName('~'))), 422)).fields).toEqual([
        'customer.name',
      ]);
      nothingWasAsked();
    });

    it.each(['__proto__', 'constructor', 'prototype', 'toString', 'admin'])(
      'has a field that is not of it: %s',
      async (name) => {
        const field = `${JSON.stringify(name)}:{"polluted":true,"quantity":1}`;
        const withField = (text: string, at: string) => text.replace(at, `${at}${field},`);
        const text = JSON.stringify(order);
        expect((await problemIn(await post(withField(text, '{')), 422)).fields).toEqual([name]);
        expect((await problemIn(await post(withField(text, '"customer":{')), 422)).fields).toEqual([
          `customer.${name}`,
        ]);
        expect((await problemIn(await post(withField(text, '"address":{')), 422)).fields).toEqual([
          `customer.address.${name}`,
        ]);
        expect((await problemIn(await post(withField(text, '"lines":[{')), 422)).fields).toEqual([
          `lines.0.${name}`,
        ]);
        expect((await problemIn(await post(withField(text, '"payment":{')), 422)).fields).toEqual([
          `payment.${name}`,
        ]);
        expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
        nothingWasAsked();
      },
    );

    it('is incomplete, and every missing field is named', async () => {
      const problem = await problemIn(await place({ lines: [{}] }), 422);
      expect(problem.fields).toEqual(
        expect.arrayContaining(['customer', 'lines.0.sku', 'lines.0.quantity', 'payment']),
      );
      nothingWasAsked();
    });

    it('has a thousand mistakes, of which twenty are told', async () => {
      const lines = Array.from({ length: 90 }, () => ({ sku: 'x', quantity: -1 }));
      expect((await problemIn(await place({ ...order, lines }), 422)).fields).toHaveLength(20);
      nothingWasAsked();
    });

    it.each(['[]', 'null', '7', '"order"', 'true'])('is no object: %s', async (body) => {
      expect((await problemIn(await post(body), 422)).fields).toEqual(['body']);
      nothingWasAsked();
    });

    it('is empty', async () => {
      const problem = await problemIn(await post(''), 400);
      expect(problem.title).toBe('The request cannot be read');
      await problemIn(
        await fetch(`${edge.url}/orders`, {
          method: 'POST',
          headers: { 'idempotency-key': randomUUID() },
        }),
        422,
      );
      nothingWasAsked();
    });

    it.each([
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json-patch+json',
      'nonsense',
    ])('is %s', async (type) => {
      await problemIn(await post(JSON.stringify(order), { 'content-type': type }), 415);
      nothingWasAsked();
    });

    it('does not say what it is', async () => {
      const head = `POST /orders HTTP/1.1\r\nhost: edge\r\nconnection: close\r\nidempotency-key: ${randomUUID()}\r\n`;
      const answer = await edge.raw(`${head}content-length: 2\r\n\r\n{}`);
      expect(answer).toMatch(/^HTTP\/1.1 415 /);
      expect(answer).toContain('application/problem+json');
      nothingWasAsked();
    });

    it('is larger than 256 KiB, up to 10 MB', async () => {
      for (const size of [257 * 1024, 10_000_000]) {
        const problem = await problemIn(
          await post(written('~', JSON.stringify('x'.repeat(size)), withName('~'))),
          413,
        );
        expect(problem.title).toBe('The request is too large');
      }
      nothingWasAsked();
    });

    it('is 10 MB that come without saying so, while others are served', async () => {
      const chunk = new TextEncoder().encode('x'.repeat(100_000));
      let sentChunks = 0;
      const body = new ReadableStream({
        pull: (stream) => (sentChunks++ < 100 ? stream.enqueue(chunk) : stream.close()),
      });
      const large = fetch(`${edge.url}/orders`, {
        method: 'POST',
        body,
        duplex: 'half',
        headers: { ...JSON_TYPE, 'idempotency-key': randomUUID() },
      } as RequestInit).then(({ status }) => status);
      const others = await Promise.all(
        Array.from({ length: 5 }, () => fetch(`${edge.url}/products`)),
      );
      expect(others.map(({ status }) => status)).toEqual(Array(5).fill(200));
      expect(await large).toBe(413);
      nothingWasAsked();
    });

    it('ends in the middle', async () => {
      const head = `POST /orders HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\nidempotency-key: ${randomUUID()}\r\ncontent-length: 1000\r\n\r\n`;
      await Promise.all(Array.from({ length: 10 }, () => edge.breakOff(`${head}{"customer":`)));
      expect((await fetch(`${edge.url}/products`)).status).toBe(200);
      nothingWasAsked();
    });

    it('is no HTTP', async () => {
      expect(await edge.raw('these are no headers\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
      nothingWasAsked();
    });

    it('has no Idempotency-Key, or one that cannot be used', async () => {
      const without = await fetch(`${edge.url}/orders`, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify(order),
      });
      expect((await problemIn(without, 400)).fields).toEqual(['Idempotency-Key']);
      for (const key of ['', '   ', 'x'.repeat(201)]) {
        expect((await problemIn(await place(order, key), 400)).fields).toEqual(['Idempotency-Key']);
      }
      nothingWasAsked();
    });

    it.each(['Idempotency-Key', 'Content-Type', 'Authorization', 'Traceparent', 'Last-Event-ID'])(
      'has the header %s twice, in any letters, also with one value',
      async (name) => {
        const values: Record<string, string> = {
          'Idempotency-Key': randomUUID(),
          'Content-Type': 'application/json',
        };
        const body = JSON.stringify(order);
        const lines = Object.entries({ ...values, [name]: values[name] ?? 'x' }).map(
          ([header, value]) => `${header}: ${value}`,
        );
        const head = [
          'POST /orders HTTP/1.1',
          'Host: edge',
          'Connection: close',
          `Content-Length: ${body.length}`,
          ...lines,
          `${name.toUpperCase()}: ${values[name] ?? 'x'}`,
        ];
        const answer = await edge.raw(`${head.join('\r\n')}\r\n\r\n${body}`);
        expect(answer).toMatch(/^HTTP\/1.1 400 /);
        expect(answer).toContain(`The header ${name} comes twice`);
        nothingWasAsked();
      },
    );

    it.each(['gzip', 'br', 'identity, gzip', 'x'])(
      'says that it is encoded as %s',
      async (encoding) => {
        await problemIn(await post(JSON.stringify(order), { 'content-encoding': encoding }), 415);
        nothingWasAsked();
      },
    );

    it('has the Idempotency-Key of another order', async () => {
      const key = randomUUID();
      await place(order, key);
      await edge.harness.settled();
      placed++;
      const problem = await problemIn(await place(withQuantity(3), key), 409);
      expect(problem.title).toContain('Idempotency-Key');
    });
  });

  describe('what is not there', () => {
    it.each([
      ['GET', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11'],
      ['GET', '/orders/garbage'],
      ['GET', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11%00'],
      ['GET', '/orders/__proto__'],
      ['GET', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11/events'],
      ['GET', '/orders/garbage/events'],
      ['GET', '/orders/garbage/label'],
      ['GET', '/nowhere'],
      ['POST', '/'],
      ['GET', '/assets/gone.js'],
      ['GET', '/orders/a/b/c'],
      ['POST', '/products'],
      ['DELETE', '/orders'],
      ['PUT', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11'],
      ['PATCH', '/products'],
      ['PROPFIND', '/products'],
    ])('is a problem: %s %s', async (method, path) => {
      const response = await fetch(`${edge.url}${path}`, { method });
      expect([404, 405]).toContain(response.status);
      await problemIn(response, response.status);
    });

    it.each([
      ['DELETE', '/orders', 'GET, HEAD, POST'],
      ['PUT', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11', 'GET, HEAD'],
      ['POST', '/products?x=1', 'GET, HEAD'],
      ['POST', '/', 'GET, HEAD'],
    ])('is a method that is not for a resource that is: %s %s', async (method, path, allowed) => {
      const response = await fetch(`${edge.url}${path}`, { method });
      await problemIn(response, 405);
      expect(response.headers.get('allow')).toBe(allowed);
    });

    it.each(['/products/', '/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11/label/'])(
      'is not there when only the method is right: %s',
      async (path) => {
        const response = await fetch(`${edge.url}${path}`);
        await problemIn(response, 404);
        expect(response.headers.get('allow')).toBeNull();
      },
    );

    it('is a problem also when the path is far too long', async () => {
      await problemIn(await fetch(`${edge.url}/orders/${'x'.repeat(5_000)}`), 414);
    });

    it('is a problem when it is to be answered within no time at all', async () => {
      const headers = { 'request-timeout': 'soon' };
      await problemIn(await fetch(`${edge.url}/products`, { headers }), 400);
    });

    it.each(['/orders/%zz', '/%c3%28'])(
      'is a problem also when the path cannot be read: %s',
      async (path) => {
        const response = await fetch(`${edge.url}${path}`);
        expect([400, 404]).toContain(response.status);
        await problemIn(response, response.status);
      },
    );

    it('is a problem that names the filter', async () => {
      const fields = async (query: string) =>
        (await problemIn(await fetch(`${edge.url}/orders?${query}`), 422)).fields;
      expect(await fields('limit=0')).toEqual(['limit']);
      expect(await fields('limit=abc')).toEqual(['limit']);
      expect(await fields('limit=1&limit=2')).toEqual(['limit']);
      expect(await fields('status=lost')).toEqual(['status']);
      expect(await fields('colour=green')).toEqual(['colour']);
      expect(await fields('before=garbage')).toEqual(['before']);
      const readable = `2026-02-03T10:00:00.000Z~${randomUUID()}`;
      expect(await fields(`before=${readable}`)).toEqual(['before']);
      const cursor = Buffer.from(readable).toString('base64url');
      expect(await fields(`before=${cursor}%00`)).toEqual(['before']);
      expect((await fetch(`${edge.url}/orders?before=${cursor}`)).status).toBe(200);
      expect(
        await fields('before=2026-02-31T10:00:00.000Z~------------------------------------'),
      ).toEqual(['before']);
    });

    it('tells how to try again when an owner is not there', async () => {
      const response = await fetch(`${edge.url}/orders/b3f1c9de-8d4a-4e2e-9a57-3c1f6b0f5a11/label`); // shipping is not started
      await problemIn(response, 503);
      expect(response.headers.get('retry-after')).toBe('1');
    });
  });

  describe('the events of an order', () => {
    const placed = async () => {
      const { orderId } = (await (await place()).json()) as { orderId: string };
      await edge.harness.settled();
      return orderId;
    };
    const follow = (orderId: string, last?: string) =>
      EventReader.open(`${edge.url}/orders/${orderId}/events`, last);
    const reserve = async (orderId: string) => {
      await edge.harness.publish(StockReserved, { orderId });
      await edge.harness.settled();
    };
    const reject = async (orderId: string) => {
      await edge.harness.publish(StockRejected, { orderId, sku: 'TEA-0001', reason: 'sold out' });
      await edge.harness.settled();
    };

    it('come as they happen, and end with the order', async () => {
      const orderId = await placed();
      const reader = await follow(orderId);
      expect(reader.response.status).toBe(200);
      expect(reader.response.headers.get('content-type')).toContain('text/event-stream');
      expect(await reader.next(1)).toEqual([
        {
          id: '1',
          type: 'progress',
          data: expect.objectContaining({ number: 1, what: 'order placed', status: 'placed' }),
        },
      ]);
      await reject(orderId);
      expect((await reader.next(10)).map(({ id, data }) => [id, data.what])).toEqual([
        ['2', 'no stock of TEA-0001: sold out'],
        ['3', 'order rejected: TEA-0001 is out of stock'],
      ]);
    });

    it('go on after the last one that a reader has', async () => {
      const orderId = await placed();
      await reserve(orderId);
      const reader = await follow(orderId, '1');
      expect((await reader.next(1)).map(({ id }) => id)).toEqual(['2']);
      reader.leave();
    });

    it.each(['', 'garbage', '-1', '1e3', '99999999999999999999'])(
      'begin at the beginning when the last one is named as "%s"',
      async (last) => {
        const reader = await follow(await placed(), last);
        expect((await reader.next(1)).map(({ id }) => id)).toEqual(['1']);
        reader.leave();
      },
    );

    it('are over at once for an order that is over and a reader who has it all', async () => {
      const orderId = await placed();
      await reject(orderId);
      expect(await (await follow(orderId, '3')).next(10)).toEqual([]);
    });

    it('leave nothing behind when a reader leaves', async () => {
      const before = edge.feed.watched;
      const readers = await Promise.all(
        [await placed(), await placed()].map((orderId) => follow(orderId)),
      );
      for (const reader of readers) await reader.next(1);
      expect(edge.feed.watched).toBe(before + 2);
      for (const reader of readers) reader.leave();
      while (edge.feed.watched > before) await new Promise(setImmediate);
    });

    it('are refused before they begin when there is no such order', async () => {
      for (const id of [randomUUID(), 'garbage']) {
        const { response } = await follow(id);
        await problemIn(response, 404);
      }
      expect(
        edge.asked
          .filter(({ contract }) => contract === GetOrder.name)
          .map(({ request }) => request),
      ).not.toContainEqual({ orderId: 'garbage' });
    });
  });

  describe('the products', () => {
    const priceOf = async (sku: string) => {
      const { products } = (await (await fetch(`${edge.url}/products`)).json()) as {
        products: { sku: string; price: number }[];
      };
      return products.find((product) => product.sku === sku)?.price;
    };

    it('are listed with their prices, and a new price is shown as soon as it is told', async () => {
      expect(await priceOf('HON-0001')).toBe(790);
      await edge.harness.call(ChangePrice, { sku: 'HON-0001', price: 1 });
      await edge.harness.settled();
      expect(await priceOf('HON-0001')).toBe(1);
    });

    const products = (known?: string, method = 'GET') =>
      fetch(`${edge.url}/products`, {
        method,
        headers: known === undefined ? {} : { 'if-none-match': known },
      });

    it('are not sent again to a client that has them, until a price changes', async () => {
      const first = await products();
      const tag = first.headers.get('etag')!;
      expect([first.status, first.headers.get('cache-control')]).toEqual([
        200,
        'public, max-age=5, stale-while-revalidate=30',
      ]);
      expect(tag).toMatch(/^"[\w-]{43}"$/);
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const again = await products(known);
        expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([
          304,
          '',
          tag,
        ]);
        expect(again.headers.get('cache-control')).toBe(first.headers.get('cache-control'));
      }
      await edge.harness.call(ChangePrice, { sku: 'HON-0001', price: 2 });
      await edge.harness.settled();
      const changed = await products(tag);
      expect([changed.status, changed.headers.get('etag') === tag]).toEqual([200, false]);
      expect(await priceOf('HON-0001')).toBe(2);
    });

    it.each(['"', 'garbage', '""', ',,,', 'W/', '"a'.repeat(2_000)])(
      'are sent when what a client has cannot be read: %.20s',
      async (known) => {
        expect((await products(known)).status).toBe(200);
      },
    );

    it('are told by HEAD as by GET', async () => {
      const [head, get] = [await products(undefined, 'HEAD'), await products()];
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
      expect((await products(get.headers.get('etag')!, 'HEAD')).status).toBe(304);
    });

    it('are all that a cache may keep', async () => {
      const { orderId } = (await (await place()).json()) as { orderId: string };
      for (const path of [`/orders/${orderId}`, '/orders', '/orders/garbage', '/nowhere'])
        expect((await fetch(`${edge.url}${path}`)).headers.get('cache-control')).toBe('no-store');
      expect((await place()).headers.get('cache-control')).toBe('no-store');
    });
  });

  describe('its description', () => {
    it('is OpenAPI 3, and lists every route with what it takes and gives', async () => {
      const description = (await (await fetch(`${edge.url}/openapi.json`)).json()) as {
        openapi: string;
        paths: Record<
          string,
          Record<
            string,
            {
              responses: object;
              requestBody?: { content: Record<string, { schema: object }> };
              parameters?: { name: string }[];
            }
          >
        >;
      };
      expect(description.openapi).toMatch(/^3\./);
      const routes = Object.entries(description.paths).flatMap(([path, verbs]) =>
        Object.keys(verbs).map((verb) => `${verb} ${path}`),
      );
      expect(routes.sort()).toEqual([
        'get /orders',
        'get /orders/export',
        'get /orders/{id}',
        'get /orders/{id}/events',
        'get /orders/{id}/label',
        'get /products',
        'post /orders',
      ]);
      const place = description.paths['/orders']!['post']!;
      expect(Object.keys(place.responses)).toEqual(expect.arrayContaining(['202', '409', '422']));
      expect(place.parameters?.map(({ name }) => name)).toContain('Idempotency-Key');
      expect(JSON.stringify(place.requestBody)).toContain('quantity');
      expect(danglingReferences(description)).toEqual([]);
    });

    it('says which problems may be answered, and what a page of orders may be asked for', async () => {
      const { paths } = (await (await fetch(`${edge.url}/openapi.json`)).json()) as {
        paths: Record<
          string,
          Record<
            string,
            {
              responses: Record<string, { content?: object }>;
              parameters?: { name: string; schema?: object }[];
            }
          >
        >;
      };
      for (const operation of Object.values(paths).flatMap((verbs) => Object.values(verbs))) {
        for (const status of ['400', '405', '500', '503', '504'])
          expect(operation.responses[status]).toMatchObject({
            content: { 'application/problem+json': { schema: { properties: { title: {} } } } },
          });
      }
      const list = paths['/orders']!['get']!;
      expect(list.parameters).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            name: 'limit',
            schema: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
          }),
          expect.objectContaining({ name: 'before', schema: { type: 'string' } }),
        ]),
      );
      expect(Object.keys(list.responses)).toContain('422');
      expect(Object.keys(paths['/orders']!['post']!.responses)).toEqual(
        expect.arrayContaining(['413', '415', '422', '409']),
      );
    });

    it('can be read as a page, which runs and shows nothing of others', async () => {
      const page = await fetch(`${edge.url}/docs`);
      expect(page.status).toBe(200);
      expect(page.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/,
      );
      expect([
        page.headers.get('x-content-type-options'),
        page.headers.get('referrer-policy'),
      ]).toEqual(['nosniff', 'no-referrer']);
      expect(await page.text()).not.toMatch(/<script>|<script [^>]*src="https?:/);
      expect(page.headers.get('content-type')).toContain('text/html');
    });
  });
});

/** References of a description to parts it does not have. */
function danglingReferences(description: object): string[] {
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
    ([, path]) => path!,
  );
  return references.filter(
    (path) =>
      path
        .split('/')
        .reduce<unknown>(
          (part, name) => (part as Record<string, unknown> | undefined)?.[name],
          description,
        ) === undefined,
  );
}
