import { randomUUID } from 'node:crypto';
import { OrderPlaced } from '@contracts/orders';
import { hostileSuite, type Fate, type Good } from '@parley/conformance';
import { EdgeOnTrial } from './edge.fixture';
import { MAX_BODY_BYTES } from './json-body';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const order = { customer, lines: [{ sku: 'TEA-0001', quantity: 2 }], payment: { token: 'tok_ok' } };
const good: Good = {
  payload: order,
  text: 'customer.name',
  id: 'lines.0.sku',
  number: 'lines.0.quantity',
  list: 'lines',
};

let edge: EdgeOnTrial;
const open = async () => void (edge = await EdgeOnTrial.start());
const close = () => edge.close();

const post = (body: Buffer | string, headers: Record<string, string> = {}) =>
  fetch(`${edge.url}/orders`, {
    method: 'POST',
    body: body as never,
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...headers },
  });

async function fateOf(response: Response): Promise<Fate> {
  const text = await response.text();
  if (response.status === 202) return 'taken';
  expect([400, 413, 415, 422]).toContain(response.status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return { refused: text };
}

async function neighbour(): Promise<void> {
  expect((await post(JSON.stringify(order))).status).toBe(202);
}

hostileSuite({
  name: 'HTTP, at the edge',
  type: 'orders.place-order',
  good,
  strict: true,
  attributes: 'none',
  open,
  close,
  neighbour,
  largest: { bytes: MAX_BODY_BYTES, reason: 'too large' },
  send: async (body) => fateOf(await post(body)),
});

describe('what means harm, below what HTTP carries', () => {
  beforeAll(open);
  afterAll(close);
  afterEach(neighbour);

  const head = (...lines: string[]) =>
    [
      'POST /orders HTTP/1.1',
      'host: edge',
      'connection: close',
      'content-type: application/json',
      ...lines,
      '',
      '',
    ].join('\r\n');
  const key = 'idempotency-key: hostile';

  it.each([
    [
      'a header of 1 MiB',
      head(key, `x: ${'x'.repeat(2 ** 20)}`, 'content-length: 2') + '{}',
      /^HTTP\/1.1 431 |^$/,
    ],
    [
      '10,000 headers',
      head(key, ...Array.from({ length: 10_000 }, (_, n) => `x${n}: y`), 'content-length: 2') +
        '{}',
      /^HTTP\/1.1 431 |^$/,
    ],
    ['a claim of 512 MiB', head(key, `content-length: ${512 * 2 ** 20}`) + '{', /^HTTP\/1.1 413 /],
    ['two lengths', head(key, 'content-length: 2', 'content-length: 3') + '{}', /^HTTP\/1.1 400 /],
    [
      'a length and chunks',
      head(key, 'content-length: 2', 'transfer-encoding: chunked') + '0\r\n\r\n',
      /^HTTP\/1.1 400 /,
    ],
    [
      'a chunk of no length',
      head(key, 'transfer-encoding: chunked') + 'zz\r\n{}\r\n0\r\n\r\n',
      /^HTTP\/1.1 400 |^$/,
    ],
    [
      'a header with a NUL',
      head(`idempotency-key: a\0b`, 'content-length: 2') + '{}',
      /^HTTP\/1.1 400 /,
    ],
    ['HTTP/9.9', 'POST /orders HTTP/9.9\r\nhost: edge\r\n\r\n', /^HTTP\/1.1 400 |^$/],
    [
      'TLS',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
      /^HTTP\/1.1 400 |^$/,
    ],
  ])('is refused: %s', async (_, bytes, answer) => {
    const received = await edge.raw(bytes);
    expect(received).toMatch(answer);
    expect(received.length).toBeLessThan(2_000);
  });

  it('is not unpacked: ten megabytes in ten kilobytes', async () => {
    const { gzipSync } = await import('node:zlib');
    const bomb = gzipSync(Buffer.alloc(10_000_000, 0x20));
    expect(bomb.length).toBeLessThan(20_000);
    const fate = await fateOf(await post(bomb, { 'content-encoding': 'gzip' }));
    expect(fate).toEqual({ refused: expect.stringContaining('must not be encoded') as string });
  });

  it('is not believed: attributes of messages that only services write', async () => {
    const id = randomUUID();
    const forged = {
      'ce-id': id,
      'ce-source': '/payments',
      'ce-type': 'payments.refund-payment',
      'ce-correlationid': id,
      'x-correlation-id': id,
      'parley-tenant': 'other',
    };
    const response = await post(JSON.stringify(order), {
      ...forged,
      traceparent: '00-'.repeat(1_000),
      baggage: 'a=b,'.repeat(1_000),
    });
    expect(response.status).toBe(202);
    expect(response.headers.get('x-correlation-id')).not.toBe(id);
    await edge.harness.settled();
    expect(JSON.stringify(edge.harness.sent(OrderPlaced))).not.toContain(id);
  });
});
