import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChangePrice } from '@contracts/catalog';
import { GetFigures } from '@contracts/insights';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CallError, Messenger, OwnerUnavailableError } from '@parley/messaging';
import { CallProblemFilter } from './call-problem.filter';
import { DeadLettersController } from './dead-letters.controller';
import { Fleet } from '@parley/cli';
import { FleetController } from './fleet.controller';
import { InstanceOnTrial } from '../../../libs/parley/cli/src/fleet/instance.fixture';
import { AuditTrail, OperationsAccess, readEnvironment } from '@parley/service';
import { guard } from './access';

const TOKEN = 'a-token-of-operators';
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const DEAD = 'http://127.0.0.1:1';

/** The call server is down, too, because of the database. */
const NOT_READY = {
  'call (grpc)': { status: 'down', reason: 'stopped' },
  database: { status: 'down', reason: 'refused' },
};

/** As an instance of orders answers: `/operations` takes no change from a web page. */
const orders = () =>
  InstanceOnTrial.start(({ method, url, headers }) => {
    if (method === 'POST' && headers.origin !== undefined)
      return { status: 403, body: { message: 'not from a browser' } };
    if (url === '/operations/dead-letters/7/replay')
      return { status: 202, body: { replayed: true } };
    if (method === 'POST')
      return { status: 404, body: { message: 'there is no dead letter any more' } };
    if (url === '/health/ready')
      return { status: 503, body: { status: 'error', details: NOT_READY } };
    if (url === '/operations/status') return { body: { service: 'orders', phase: 'running' } };
    if (url === '/operations/overdue') return { body: [{ id: 'm-1' }] };
    if (url?.startsWith('/operations/sagas')) return { body: [{ key: 'a' }] };
    return { body: { count: 0, asked: url } };
  });
/** One without sagas. */
const catalog = () =>
  InstanceOnTrial.start(({ url }) =>
    url?.startsWith('/operations/sagas') ? { status: 404, body: {} } : { body: { count: 1 } },
  );

describe('the console', () => {
  let app: NestFastifyApplication;
  let url: string;
  let instances: InstanceOnTrial[];
  let call: jest.Mock;
  const get = async (path: string) =>
    (await fetch(`${url}/api/${path}`, { headers: AUTHORIZED })).json() as Promise<unknown>;
  const change = (method: string, path: string, body?: object, headers = {}) =>
    fetch(`${url}/api/${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: { ...(body && { 'content-type': 'application/json' }), ...AUTHORIZED, ...headers },
    });

  beforeAll(async () => {
    instances = [await orders(), await catalog()];
    const fleet = new Fleet(
      () => ({ orders: [DEAD, instances[0]!.url], catalog: [instances[1]!.url] }),
      1_000,
    );
    const providers = [
      { provide: Fleet, useValue: fleet },
      {
        provide: Messenger,
        useValue: { call: (...asked: unknown[]) => call(...asked) as unknown },
      },
      { provide: APP_FILTER, useClass: CallProblemFilter },
    ];
    app = await NestFactory.create<NestFastifyApplication>(
      {
        module: class ConsoleUnderTest {},
        controllers: [FleetController, DeadLettersController],
        providers,
      },
      new FastifyAdapter(),
      { logger: false },
    );
    const access = new OperationsAccess(readEnvironment({ OPERATIONS_TOKEN: TOKEN }));
    guard(app, access, new AuditTrail(() => undefined));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });
  beforeEach(() => void (call = jest.fn(async () => ({}))));
  afterAll(async () => {
    await app.close();
    for (const instance of instances) await instance.stop();
  });

  it('shows every instance, and why one is not ready', async () => {
    expect(await get('services')).toEqual([
      {
        service: 'orders',
        url: DEAD,
        ready: false,
        state: 'silent',
        causes: [expect.stringContaining('fetch failed')],
        health: expect.stringContaining('fetch failed'),
      },
      {
        service: 'orders',
        url: instances[0]!.url,
        ready: false,
        state: 'not ready',
        causes: ['database: refused'],
        health: expect.objectContaining({ status: 'error' }),
        status: { service: 'orders', phase: 'running' },
      },
      {
        service: 'catalog',
        url: instances[1]!.url,
        ready: true,
        state: 'ready',
        causes: [],
        health: { count: 1 },
        status: { count: 1 },
      },
    ]);
  });

  it('tells an operator who they are', async () => {
    expect(await get('me')).toEqual({
      name: 'somebody (claimed)',
      role: 'operator',
      isProven: false,
    });
  });

  it('shows every contract with its senders and handlers, and who did not say', async () => {
    const known = (name: string, kind: string, handlers: object[] = []) => ({
      ...{ name, kind, owner: name.split('.')[0], version: 1, handlers },
    });
    const stock = await InstanceOnTrial.start(() => ({
      body: [known('inventory.reserve-stock', 'command', [{ handler: 'Stock.reserve' }])],
    }));
    const fleet = new Fleet(() => ({ inventory: [stock.url], orders: [DEAD] }), 1_000);
    expect(await new FleetController(fleet, {} as Messenger).contracts()).toEqual({
      contracts: [
        {
          ...{ name: 'inventory.reserve-stock', kind: 'command', owner: 'inventory', version: 1 },
          senders: ['orders'], // as topology.ts says
          handlers: [{ service: 'inventory', handler: 'Stock.reserve', version: 1 }],
        },
      ],
      unanswered: ['orders'],
    });
    await stock.stop();
  });

  it('shows one saga with the dead letters of its conversation', async () => {
    const headers = { type: 'inventory.reserve-stock', correlationid: 'x' };
    const one = await InstanceOnTrial.start(({ url }) =>
      url?.startsWith('/operations/dead-letters')
        ? { body: { count: 1, deadLetters: [{ id: '3', holds: true, headers }] } }
        : { body: { key: 'a', correlationId: 'x', state: { total: 7 } } },
    );
    const controller = new FleetController(
      new Fleet(() => ({ orders: [one.url] }), 1_000),
      {} as Messenger,
    );
    const reply = { status: () => undefined } as never;
    expect(await controller.saga('orders', 'fulfilment', 'a', reply)).toEqual({
      ...{ key: 'a', correlationId: 'x', state: { total: 7 } },
      dead: [{ letter: 'orders/3', contract: 'inventory.reserve-stock', holds: true }],
    });
    await one.stop();
  });

  it('shows with each saga the dead letters of its conversation', async () => {
    const dead = [{ letter: 'inventory/3', contract: 'inventory.reserve-stock', holds: true }];
    const letter = (id: string, correlationid: string) => ({
      id,
      holds: true,
      headers: { type: 'inventory.reserve-stock', correlationid },
    });
    const shelf = await InstanceOnTrial.start(({ url }) =>
      url?.startsWith('/operations/dead-letters')
        ? { body: { count: 2, deadLetters: [letter('3', 'x'), letter('4', 'other')] } }
        : { status: 404, body: {} },
    );
    const saga = await InstanceOnTrial.start(({ url }) =>
      url?.startsWith('/operations/sagas')
        ? {
            body: [
              { key: 'a', correlationId: 'x' },
              { key: 'b', correlationId: 'y' },
            ],
          }
        : { status: 404, body: {} },
    );
    const fleet = new Fleet(() => ({ inventory: [shelf.url], orders: [saga.url] }), 1_000);
    const answers = await new FleetController(fleet, {} as Messenger).sagas({});
    expect(answers).toEqual([
      {
        service: 'orders',
        items: [
          { key: 'a', correlationId: 'x', dead },
          { key: 'b', correlationId: 'y', dead: [] },
        ],
      },
    ]);
    await Promise.all([shelf.stop(), saga.stop()]);
  });

  it('passes a repair of a saga on to its service, and its refusal back', async () => {
    const asked: unknown[] = [];
    const orders = await InstanceOnTrial.start(({ method, url }) => {
      asked.push(`${method} ${url}`);
      return { status: 409, body: { message: 'changed meanwhile' } };
    });
    const fleet = new Fleet(() => ({ orders: [orders.url] }), 1_000);
    const reply = { status: jest.fn() };
    const answer = await new FleetController(fleet, {} as Messenger).repair(
      ...(['orders', 'fulfilment', 'a/1', 'resume', { version: 1, reason: 'up' }, {}] as const),
      reply as never,
    );
    expect(answer).toEqual({ message: 'changed meanwhile' });
    expect(reply.status).toHaveBeenCalledWith(409);
    expect(asked).toEqual(['POST /operations/sagas/fulfilment/a%2F1/resume']);
    await orders.stop();
  });

  it('finds stuck sagas however old they and their dead letters are', async () => {
    const letters = Array.from({ length: 2_500 }, (_, n) => ({
      id: String(2_500 - n),
      holds: true,
      headers: { type: 'inventory.reserve-stock', correlationid: `c-${2_500 - n}` },
    }));
    const shelf = await InstanceOnTrial.start(({ url }) => {
      if (!url?.startsWith('/operations/dead-letters')) return { status: 404, body: {} };
      const upTo = Number(new URL(url, 'http://x').searchParams.get('upTo') ?? Infinity);
      const deadLetters = letters.filter(({ id }) => Number(id) <= upTo).slice(0, 1_000);
      return { body: { count: letters.length, deadLetters } };
    });
    const sagas = Array.from({ length: 60 }, (_, n) => ({
      key: `k-${n}`,
      correlationId: n === 0 || n === 7 ? `c-${n + 1}` : `well-${n}`,
      startedAt: `2026-11-${String(n + 10)}T00:00:00.000Z`,
    })).reverse();
    const saga = await InstanceOnTrial.start(({ url }) => {
      if (!url?.startsWith('/operations/sagas')) return { status: 404, body: {} };
      const { searchParams } = new URL(url, 'http://x');
      const wanted = JSON.parse(searchParams.get('conversations') ?? 'null') as string[] | null;
      const found = sagas.filter(({ correlationId }) => wanted?.includes(correlationId) ?? true);
      return { body: found.slice(0, Number(searchParams.get('limit'))) };
    });
    const fleet = new Fleet(() => ({ inventory: [shelf.url], orders: [saga.url] }), 1_000);
    const controller = new FleetController(fleet, {} as Messenger);
    expect(await controller.sagas({ limit: '50', stuck: 'true' })).toMatchObject([
      {
        service: 'orders',
        items: [
          { key: 'k-7', dead: [{ letter: 'inventory/8' }] },
          { key: 'k-0', dead: [{ letter: 'inventory/1' }] },
        ],
      },
    ]);
    expect(await controller.sagas({ limit: '1', stuck: 'true' })).toMatchObject([
      { items: [{ key: 'k-7' }] },
    ]);
    await Promise.all([shelf.stop(), saga.stop()]);
  });

  it('says whose dead letters it could not read', async () => {
    const orders = await InstanceOnTrial.start(({ url }) => ({
      body: url?.startsWith('/operations/sagas') ? [] : { count: 0, deadLetters: [] },
    }));
    const fleet = new Fleet(() => ({ inventory: [DEAD], orders: [orders.url] }), 1_000);
    const answers = await new FleetController(fleet, {} as Messenger).sagas({ stuck: 'true' });
    expect(answers).toEqual([
      { service: 'inventory', incomplete: 'its dead letters cannot be read' },
    ]);
    await orders.stop();
  });

  it('shows what waits and what failed, of all services or of one', async () => {
    expect(await get('backlog')).toEqual([
      { service: 'orders', count: 0, asked: '/operations/backlog' },
      { service: 'catalog', count: 1 },
    ]);
    expect(await get('dead-letters?service=orders&limit=5')).toEqual([
      { service: 'orders', count: 0, asked: '/operations/dead-letters?limit=5' },
    ]);
  });

  it('shows handlers over their timeout, of each instance', async () => {
    expect(await get('overdue')).toEqual([
      { service: 'orders', url: DEAD, error: expect.any(String) },
      { service: 'orders', url: instances[0]!.url, items: [{ id: 'm-1' }] },
      { service: 'catalog', url: instances[1]!.url, count: 1 },
    ]);
  });

  it('shows the sagas of those who have some', async () => {
    expect(await get('sagas?state=open')).toEqual([{ service: 'orders', items: [{ key: 'a' }] }]);
  });

  it('has a dead letter replayed, and passes on what became of it', async () => {
    const replayed = await change('POST', 'dead-letters/orders/7/replay');
    expect([replayed.status, await replayed.json()]).toEqual([202, { replayed: true }]);
    const gone = await change('POST', 'dead-letters/orders/8/replay');
    expect([gone.status, await gone.json()]).toEqual([
      404,
      { message: 'there is no dead letter any more' },
    ]);
    expect((await change('POST', 'dead-letters/nobody/7/replay')).status).toBe(404);
    expect((await change('POST', 'dead-letters/__proto__/7/replay')).status).toBe(404);
  });

  it('names a dead letter by its id, whatever that looks like', async () => {
    await change('POST', `dead-letters/orders/${encodeURIComponent('../../x?y')}/replay`);
    expect(instances[0]!.asked.at(-1)).toBe('POST /operations/dead-letters/..%2F..%2Fx%3Fy/replay');
  });

  it('takes no change from a page of somewhere else', async () => {
    const origin = { origin: 'https://elsewhere.example' };
    expect((await change('POST', 'dead-letters/orders/7/replay', undefined, origin)).status).toBe(
      403,
    );
    expect((await change('PUT', 'prices/TEA-0001', { price: 1 }, origin)).status).toBe(403);
    expect((await change('PUT', 'prices/TEA-0001', { price: 1 }, { origin: 'null' })).status).toBe(
      403,
    );
    expect(call).not.toHaveBeenCalled();
    expect((await change('PUT', 'prices/TEA-0001', { price: 1 }, { origin: url })).status).toBe(
      200,
    );
  });

  it.each([
    ['GET', 'dead-letters'],
    ['GET', 'sagas'],
    ['GET', 'nothing'],
    ['POST', 'dead-letters/orders/7/discard'],
    ['PUT', 'prices/TEA-0001'],
  ])('answers %s %s to nobody by a foreign name or without the token', async (method, path) => {
    const asked = instances.flatMap((instance) => instance.asked).length;
    const { port } = new URL(url);
    const foreign = `evil.example:${port}`;
    const ask = (headers: Record<string, string>) =>
      statusOf({ port, method, path: `/api/${path}`, headers });
    expect(await ask({ host: foreign, origin: `http://${foreign}`, ...AUTHORIZED })).toBe(421);
    expect(await ask({ host: `127.0.0.1:${port}` })).toBe(401);
    expect(await ask({ host: `127.0.0.1:${port}`, authorization: 'Bearer guess' })).toBe(401);
    expect(instances.flatMap((instance) => instance.asked)).toHaveLength(asked);
  });

  it('shows the figures', async () => {
    call.mockResolvedValue({ placed: 3 });
    expect(await get('figures')).toEqual({ placed: 3 });
    expect(call).toHaveBeenCalledWith(GetFigures, {});
  });

  it('changes a price, and says what is wrong with one', async () => {
    await change('PUT', 'prices/TEA-0001', { price: 700 });
    expect(call).toHaveBeenCalledWith(ChangePrice, { sku: 'TEA-0001', price: 700 });
    for (const price of [-1, 1.5, '7', undefined])
      expect((await change('PUT', 'prices/TEA-0001', { price })).status).toBe(400);
    expect((await change('PUT', 'prices/tea', { price: 1 })).status).toBe(404);
    expect(call).toHaveBeenCalledTimes(1);
  });

  it('tells of a product that nobody sells, and of an owner who is away', async () => {
    call.mockRejectedValueOnce(new CallError(ChangePrice, 'unknown-sku', { sku: 'TEA-9999' }));
    expect((await change('PUT', 'prices/TEA-9999', { price: 1 })).status).toBe(404);
    call.mockRejectedValueOnce(new OwnerUnavailableError(GetFigures, 'nobody answers'));
    const away = await fetch(`${url}/api/figures`, { headers: AUTHORIZED });
    expect([away.status, await away.json()]).toEqual([
      503,
      { message: expect.stringContaining('insights') },
    ]);
  });
});

/** `fetch` sets Host by itself. */
async function statusOf(options: RequestOptions): Promise<number> {
  const [response] = (await once(request({ host: '127.0.0.1', ...options }).end(), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return response.statusCode!;
}
