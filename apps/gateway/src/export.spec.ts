import { randomUUID } from 'node:crypto';
import { ExportOrders } from '@contracts/orders';
import { Authentication } from './authentication';
import { EdgeOnTrial } from './edge.fixture';
import { IssuerOnTrial } from './issuer.fixture';
import { linesOf } from './lines-of-json';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const order = { customer, lines: [{ sku: 'TEA-0001', quantity: 2 }], payment: { token: 'tok_ok' } };

describe("the export of a customer's orders", () => {
  let edge: EdgeOnTrial;
  let issuer: IssuerOnTrial;
  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    edge = await EdgeOnTrial.start(new Authentication(issuer.settings), undefined, {
      streams: { perClient: 2 },
    });
  });
  afterAll(async () => {
    await edge.close();
    await issuer.close();
  });

  const ask = async (who: string, init: RequestInit = {}) =>
    fetch(`${edge.url}/orders/export`, {
      ...init,
      headers: { ...(await issuer.headers(who)), ...(init.headers as object) },
    });
  const place = async (who: string): Promise<string> => {
    const response = await fetch(`${edge.url}/orders`, {
      method: 'POST',
      body: JSON.stringify(order),
      headers: {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        ...(await issuer.headers(who)),
      },
    });
    return ((await response.json()) as { orderId: string }).orderId;
  };
  const asked = () => edge.asked.filter(({ contract }) => contract === ExportOrders.name);

  it('has a line for each order of theirs, more than a page of them, and no other', async () => {
    const own: string[] = [];
    for (let n = 0; n < 101; n++) own.push(await place('ada'));
    await place('eve');
    const response = await ask('ada');
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect(response.headers.get('content-disposition')).toContain('orders.ndjson');
    const lines = (await response.text()).split('\n');
    expect(lines.pop()).toBe('');
    const orders = lines.map((line) => JSON.parse(line) as { orderId: string });
    expect(orders.map(({ orderId }) => orderId).sort()).toEqual(own.sort());
    expect(orders[0]).toMatchObject({ customer, total: 1380, history: [{ number: 1 }] });
    expect(orders[0]).not.toHaveProperty('account');
  });

  it('is empty for who has none, and nothing is read for a HEAD', async () => {
    expect(await (await ask(randomUUID())).text()).toBe('');
    const before = asked().length;
    const head = await ask('ada', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    expect(asked()).toHaveLength(before);
  });

  it('is refused to strangers', async () => {
    expect((await fetch(`${edge.url}/orders/export`)).status).toBe(401);
  });

  it('ends with its Request-Timeout, as a problem before the first line', async () => {
    edge.holding = new Promise(() => undefined);
    const response = await ask('ada', { headers: { 'request-timeout': '0.2' } });
    edge.holding = undefined;
    expect(response.status).toBe(504);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });

  it('counts as a stream of its client, as long as its client is there', async () => {
    edge.holding = new Promise(() => undefined);
    const leaving = new AbortController();
    const open = [0, 1].map(() => ask('ada', { signal: leaving.signal }).catch(() => undefined));
    while (edge.streams.count < 2) await new Promise(setImmediate);
    expect((await ask('ada')).status).toBe(429);
    leaving.abort();
    await Promise.all(open);
    while (edge.streams.count > 0) await new Promise(setImmediate);
    edge.holding = undefined;
  });
});

describe('lines of JSON', () => {
  it('end their items when their reader leaves', async () => {
    let left = false;
    const items = (async function* () {
      try {
        for (let n = 1; ; n++) yield { n };
      } finally {
        left = true;
      }
    })();
    for await (const line of linesOf(await items.next(), items)) if (line === '{"n":2}\n') break;
    expect(left).toBe(true);
  });
});
