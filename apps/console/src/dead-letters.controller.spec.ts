import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DeadLettersController } from './dead-letters.controller';
import { Fleet } from '@parley/cli';
import { InstanceOnTrial } from '../../../libs/parley/cli/src/fleet/instance.fixture';
import { AuditTrail, OperationsAccess, readEnvironment } from '@parley/service';
import { guard } from './access';

const TOKEN = 'a-token-of-operators';
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

/** Requests as they arrive at an instance of orders. */
let arrived: {
  readonly method?: string;
  readonly url?: string;
  readonly operator: unknown;
  readonly body: unknown;
}[];

async function note(request: IncomingMessage): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  arrived.push({
    method: request.method,
    url: request.url,
    operator: request.headers['x-operator'],
    body: text === '' ? undefined : JSON.parse(text),
  });
}

describe('dead letters by way of the console', () => {
  let app: NestFastifyApplication;
  let url: string;
  let orders: InstanceOnTrial;
  const post = (path: string, body?: object, headers = {}) =>
    fetch(`${url}/${path}`, {
      method: 'POST',
      headers: { ...(body && { 'content-type': 'application/json' }), ...AUTHORIZED, ...headers },
      body: body && JSON.stringify(body),
    });

  beforeAll(async () => {
    orders = await InstanceOnTrial.start((request) => {
      void note(request);
      if (request.url?.endsWith('/edit'))
        return { status: 422, body: { message: 'total: expected number' } };
      return request.url?.endsWith('/9')
        ? { status: 404, body: { message: 'gone' } }
        : { body: { count: 0 } };
    });
    const providers = [
      { provide: Fleet, useValue: new Fleet(() => ({ orders: [orders.url] }), 1_000) },
    ];
    app = await NestFactory.create<NestFastifyApplication>(
      { module: class ConsoleUnderTest {}, controllers: [DeadLettersController], providers },
      new FastifyAdapter(),
      { logger: false },
    );
    const access = new OperationsAccess(readEnvironment({ OPERATIONS_TOKEN: TOKEN }));
    guard(app, access, new AuditTrail(() => undefined));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/api/dead-letters`;
  });
  beforeEach(() => void (arrived = []));
  afterAll(async () => {
    await app.close();
    await orders.stop();
  });

  it.each([
    [
      '?service=orders&contract=orders.order-placed&newest=true',
      '/operations/dead-letters?limit=100&contract=orders.order-placed&newest=true',
    ],
    ['/groups?error=TypeError', '/operations/dead-letters/groups?error=TypeError'],
    ['/audit?letter=7&who=ada', '/operations/dead-letters/audit?letter=7&who=ada'],
    ['/runs?service=orders&limit=5', '/operations/dead-letters/runs?limit=5'],
    ['/orders/7', '/operations/dead-letters/7'],
  ])('are asked for by %s', async (path, asked) => {
    expect((await fetch(`${url}${path}`, { headers: AUTHORIZED })).status).toBe(200);
    expect(arrived).toMatchObject([{ method: 'GET', url: asked }]);
  });

  it('are decided about by whom it says, with what it says', async () => {
    await post('orders/7/discard', { reason: 'a test' }, { 'x-operator': 'ada' });
    await post(
      'orders/replay',
      { filter: { group: 'c0ffee00' }, rate: 5 },
      { 'x-operator': 'bob' },
    );
    expect(arrived).toEqual([
      {
        method: 'POST',
        url: '/operations/dead-letters/7/discard',
        operator: 'ada',
        body: { reason: 'a test' },
      },
      {
        method: 'POST',
        url: '/operations/dead-letters/replay',
        operator: 'bob',
        body: { filter: { group: 'c0ffee00' }, rate: 5 },
      },
    ]);
  });

  it('are replayed in steps in their service, and that is cancelled there', async () => {
    const asked = { subscription: 'orders.saga', group: 'c0ffee00', reason: 'up again' };
    await post('orders/runs', asked, { 'x-operator': 'ada' });
    await post('orders/runs/3/cancel', { reason: 'not now' }, { 'x-operator': 'bob' });
    expect(arrived.map(({ url, operator, body }) => [url, operator, body])).toEqual([
      ['/operations/dead-letters/runs', 'ada', asked],
      ['/operations/dead-letters/runs/3/cancel', 'bob', { reason: 'not now' }],
    ]);
  });

  it('are refused as the service refuses them', async () => {
    const refused = await post('orders/7/edit', { body: { total: 'x' } });
    expect([refused.status, await refused.json()]).toEqual([
      422,
      { message: 'total: expected number' },
    ]);
    expect((await fetch(`${url}/orders/9`, { headers: AUTHORIZED })).status).toBe(404);
    expect((await post('nobody/7/replay')).status).toBe(404);
  });

  it('are decided about by no page of somewhere else', async () => {
    for (const path of ['orders/7/edit', 'orders/discard', 'orders/runs', 'orders/runs/3/cancel'])
      expect((await post(path, {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect(arrived).toEqual([]);
  });
});
