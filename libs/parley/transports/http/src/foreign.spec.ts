import { call, stream } from '@parley/contract';
import { expectDeadline } from '@parley/conformance';
import { type HandleCall, HandlerRegistry, type IncomingCall } from '@parley/messaging/transport';
import { z } from 'zod';
import { HttpCallServer } from './server';

const Ask = call('catalog.quote-price', {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
  deadline: '7s',
});

const List = stream('catalog.list-prices', {
  request: z.object({ n: z.number() }),
  item: z.object({ n: z.number() }),
  deadline: '7s',
});

let server: HttpCallServer;
let answer: HandleCall;

beforeAll(async () => {
  const registry = new HandlerRegistry('catalog');
  registry.add(async () => undefined, {
    contract: Ask,
    options: {},
    handlerClass: { name: 'Prices' },
    method: 'quote',
  });
  registry.add(async () => undefined, {
    contract: List,
    options: {},
    handlerClass: { name: 'Prices' },
    method: 'list',
  });
  server = new HttpCallServer({ host: '127.0.0.1', port: 0 }, registry, (asked) => answer(asked));
  await new Promise<void>((resolve) => server.listen(() => resolve()));
});
afterAll(() => server.close());

const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
const post = (headers: Record<string, string> = {}) =>
  fetch(at('/catalog.Catalog/QuotePrice'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"n":1}',
  });

describe('a foreign caller', () => {
  it('needs no header but the content type', async () => {
    const asked: IncomingCall[] = [];
    answer = async (incoming) => (asked.push(incoming), { ok: true, body: incoming.body });
    const began = performance.now();
    const response = await post();
    expect([response.status, await response.json()]).toEqual([200, { n: 1 }]);
    expect(asked[0]!.headers['id']).toMatch(/^[0-9a-f-]{36}$/);
    expectDeadline(asked[0]!.deadline, Ask.deadline, began);
  });

  it("sets the deadline by Connect's header", async () => {
    const budgets: number[] = [];
    answer = async ({ deadline, body }) => (budgets.push(deadline.budget()), { ok: true, body });
    await post({ 'connect-timeout-ms': '900', 'connect-protocol-version': '1' });
    expect(budgets[0]).toBeGreaterThan(0);
    expect(budgets[0]).toBeLessThanOrEqual(900);
  });

  it.each([
    ['invalid-request', 400, 'invalid_argument'],
    ['out-of-stock', 400, 'failed_precondition'],
    ['constructor', 400, 'failed_precondition'],
    ['too-large', 429, 'resource_exhausted'],
    ['cancelled', 499, 'canceled'],
    ['unhandled', 500, 'internal'],
    ['no-handler', 501, 'unimplemented'],
    ['unavailable', 503, 'unavailable'],
    ['deadline-exceeded', 504, 'deadline_exceeded'],
  ])('sees the fault %s as the status %d and the code %s', async (fault, status, code) => {
    answer = async () => ({
      ok: false,
      fault: { code: fault, message: 'because', details: { n: 1 } },
    });
    const response = await post();
    const error = (await response.json()) as { details: [{ value: string }] };
    const [{ value }] = error.details;
    expect([response.status, error]).toMatchObject([
      status,
      { code, message: `${fault}: because` },
    ]);
    expect(JSON.parse(Buffer.from(value, 'base64').toString())).toEqual({
      code: fault,
      message: 'because',
      details: { n: 1 },
    });
  });

  it('reads at /openapi.json which calls are answered', async () => {
    const response = await fetch(at('/openapi.json'));
    expect(await response.json()).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'catalog' },
      paths: { '/catalog.Catalog/QuotePrice': { post: { operationId: Ask.name } } },
    });
  });
});

describe('a foreign caller of a stream', () => {
  const frame = (flags: number, json: string) =>
    Buffer.concat([Buffer.from([flags, 0, 0, 0, json.length]), Buffer.from(json)]);
  const list = (body: Buffer, type = 'application/connect+json') =>
    fetch(at('/catalog.Catalog/ListPrices'), {
      method: 'POST',
      headers: { 'content-type': type, 'connect-protocol-version': '1' },
      body: new Uint8Array(body),
    });
  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

  it("gets Connect's frames, and an empty one of the end", async () => {
    answer = async ({ body, write }) => {
      await write!(body);
      await write!(Buffer.from('{"n":2}'));
      return { ok: true, body: Buffer.alloc(0) };
    };
    const response = await list(frame(0, '{"n":1}'));
    expect(response.headers.get('content-type')).toBe('application/connect+json');
    expect(await bytesOf(response)).toEqual(
      Buffer.concat([frame(0, '{"n":1}'), frame(0, '{"n":2}'), frame(2, '{}')]),
    );
  });

  it('gets the error in the last frame, with the status 200', async () => {
    answer = async () => ({ ok: false, fault: { code: 'unhandled', message: 'a bug' } });
    const response = await list(frame(0, '{"n":1}'));
    const bytes = await bytesOf(response);
    expect([response.status, bytes[0]]).toEqual([200, 2]);
    expect(JSON.parse(bytes.subarray(5).toString())).toMatchObject({
      error: { code: 'internal', message: 'unhandled: a bug' },
    });
  });

  it.each([
    ['another content type', frame(0, '{"n":1}'), 'application/json', 415],
    ['no frame', Buffer.from('{"n":1}'), undefined, 400],
    ['a frame that is not whole', frame(0, '{"n":1}').subarray(0, 8), undefined, 400],
    ['two frames', Buffer.concat([frame(0, '{}'), frame(0, '{}')]), undefined, 400],
    ['a compressed frame', frame(1, '{"n":1}'), undefined, 400],
  ] as const)('is refused with %s', async (_, body, type, status) => {
    answer = async () => {
      throw new Error('it was asked');
    };
    expect((await list(body, type)).status).toBe(status);
  });
});
