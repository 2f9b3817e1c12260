import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request,
  type RequestOptions,
  type Server,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ownTime } from '@parley/conformance';
import { TerminusModule } from '@nestjs/terminus';
import {
  type DeadLetter,
  DeadLetterService,
  Messaging,
  type MessagingHealth,
} from '@parley/messaging';
import { NoSubscriptionError, PayloadProcessor, systemClock } from '@parley/messaging/transport';
import { Logger } from '@parley/observability';
import { readEnvironment } from './environment';
import { Operations } from './operations';
import { Service } from './service';

const letter: DeadLetter = {
  id: '7',
  subscription: 'orders',
  headers: { type: 'orders.place' },
  body: Buffer.from('{"orderId":"o-1"}'),
  attempts: 4,
  failure: {
    error: 'Error',
    message: 'no',
    stack: '',
    tries: 4,
    instance: 'orders-1',
    firstFailedAt: '',
    lastFailedAt: '',
  },
  died: new Date(0),
  holds: false,
  edits: 0,
  group: 'c0ffee00',
  relapses: 0,
};
const consuming: MessagingHealth = {
  intakes: [{ technology: 'rabbitmq', kind: 'command', state: 'consuming' }],
  outbox: { waiting: 0, oldestAge: 0 },
};

let terminus: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;
let server: Server;
let service: Service;
let operations: Operations;
let health: () => MessagingHealth;
let pings: number;
let ping: () => Promise<void>;
const replayed: string[] = [];

beforeAll(async () => {
  terminus = await NestFactory.createApplicationContext(TerminusModule.forRoot({ logger: false }), {
    logger: false,
  });
});

beforeEach(async () => {
  const logger = new Logger({ service: 'orders', instance: 'orders-1', level: 'fatal' });
  [pings, ping] = [0, () => Promise.resolve()];
  const database = { ping: () => (pings++, ping()) } as never;
  service = new Service('orders', logger, {
    environment: readEnvironment({ INSTANCE: 'orders-1' }),
    database,
    inspectable: { sagas: 'SAGAS' },
  });
  operations = new Operations(service);
  health = () => consuming;
  server = createServer(operations.receive).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => server.close());
afterAll(() => terminus.close());

function running(hasRoutes = false): void {
  const deadLetters = {
    count: () => Promise.resolve(1),
    list: () => Promise.resolve([letter]),
    replay: (id: string) => Promise.resolve(id === '7' && replayed.push(id) === 1),
  };
  const registry = {
    allCalls: () => [],
    subscriptions: () => [
      { kind: 'event', name: 'orders.saga', concurrency: 10, handlers: new Map() },
    ],
  };
  const messaging = {
    introspection: {
      health: async () => health(),
      consumerHealth: () => health(),
      outboxHealth: async () => (await ping(), health().outbox),
      backlog: () =>
        Promise.resolve([{ subscription: 'orders', waiting: 2, parked: 0, delayed: 0, dead: 1 }]),
      routeInfo: () => ({ command: { technology: 'rabbitmq', address: 'amqp://127.0.0.1' } }),
      handlerInfo: () => [],
    } satisfies Partial<Record<keyof Messaging['introspection'], unknown>>,
    store: { lanes: { deadLetters } },
    deadLetters: new DeadLetterService(
      deadLetters as never,
      registry as never,
      systemClock,
      new PayloadProcessor(undefined, undefined),
      'orders',
    ),
    registry,
    setConcurrency: (name: string) => {
      if (name !== 'orders.saga') throw new NoSubscriptionError(`no ${name}; there is orders.saga`);
      return 10;
    },
    outageIn: () => undefined,
  } satisfies Partial<Record<keyof Messaging, unknown>>;
  const sagas = {
    list: (filter: Readonly<Record<string, string>>) =>
      filter['olderThan'] === undefined
        ? Promise.resolve([filter])
        : Promise.reject(new RangeError('is not a duration')),
    find: (name: string, key: string) => {
      if (key === 'broken') return Promise.reject(new TypeError('name is not a function'));
      if (key === 'away') return Promise.reject(new Error('the database is not connected'));
      return Promise.resolve(key === 'o-1' ? { name, key } : undefined);
    },
  };
  const parts = new Map<unknown, unknown>([
    [Messaging, messaging],
    ['SAGAS', sagas],
  ]);
  const app = { get: (token: never) => parts.get(token) ?? terminus.get(token, { strict: false }) };
  operations.attach(app as unknown as INestApplication, hasRoutes);
  service.lifecycle.enter('running');
}

async function ask(path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const { port } = server.address() as { port: number };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: response.status, body: await response.json() };
}

describe('operations', () => {
  it('is alive, and not ready, while it starts and while it drains', async () => {
    service.lifecycle.enter('starting', 'waiting for the database');
    expect(await ask('/health/live')).toEqual({
      status: 200,
      body: { status: 'ok', phase: 'starting' },
    });
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      body: {
        details: { service: { status: 'down', reason: 'starting: waiting for the database' } },
      },
    });
    running();
    service.lifecycle.enter('draining', 'finishing what is under way');
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      body: { details: { service: { reason: 'draining: finishing what is under way' } } },
    });
    expect(await ask('/health/live')).toMatchObject({ status: 200 });
  });

  it('is ready when everything works', async () => {
    running();
    expect(await ask('/health/ready')).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        details: {
          database: { status: 'up' },
          outbox: { status: 'up' },
          'command (rabbitmq)': { status: 'up' },
        },
      },
    });
  });

  it('is not ready when an intake does not consume, and says which and why; it stays alive', async () => {
    running();
    health = () => ({
      intakes: [
        { technology: 'rabbitmq', kind: 'command', state: 'disconnected', reason: 'ECONNREFUSED' },
      ],
    });
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      body: {
        error: {
          'command (rabbitmq)': { status: 'down', state: 'disconnected', reason: 'ECONNREFUSED' },
        },
      },
    });
    expect(await ask('/health/live')).toMatchObject({ status: 200 });
  });

  describe('of a service that still answers', () => {
    const away = (kind: 'broadcast' | 'command') =>
      ({ technology: 'redis', kind, state: 'disconnected', reason: 'ECONNREFUSED' }) as const;
    const calls = (state: 'consuming' | 'stopped') =>
      ({ technology: 'grpc', kind: 'call', state }) as const;
    const degraded = (kind: string) => ({
      status: 200,
      body: {
        status: 'degraded',
        details: {
          [`${kind} (redis)`]: {
            status: 'up',
            degraded: true,
            state: 'disconnected',
            reason: 'ECONNREFUSED',
          },
        },
      },
    });

    it('are ready and degraded while an edge hears no broadcasts', async () => {
      running(true);
      health = () => ({ intakes: [away('broadcast')] });
      expect(await ask('/health/ready')).toMatchObject(degraded('broadcast'));
    });

    it('are ready and degraded while calls are answered and commands do not come', async () => {
      running();
      health = () => ({
        intakes: [calls('consuming'), away('command')],
        outbox: { waiting: 9, oldestAge: 60_000 },
      });
      expect(await ask('/health/ready')).toMatchObject(degraded('command'));
      expect(await ask('/health/ready')).toMatchObject({
        status: 200,
        body: {
          details: { outbox: { degraded: true, reason: expect.stringContaining('60 s old') } },
        },
      });
    });

    it('are not ready when calls are not answered any more', async () => {
      running();
      health = () => ({ intakes: [calls('stopped'), away('command')] });
      expect(await ask('/health/ready')).toMatchObject({
        status: 503,
        body: {
          error: { 'call (grpc)': { status: 'down' }, 'command (redis)': { status: 'down' } },
        },
      });
    });
  });

  it('is told within a second that a frozen database does not answer, and asks it once', async () => {
    running();
    ping = () => new Promise(() => undefined);
    const down = {
      status: 503,
      body: { error: { database: { status: 'down' }, outbox: { status: 'down' } } },
    };
    for (let cached = true; cached;) {
      const [took, answers] = await ownTime(() =>
        Promise.all(Array.from({ length: 5 }, () => ask('/health/ready'))),
      );
      expect(took).toBeLessThan(1_000);
      cached = /"database":\{[^}]*"status":"up"/.test(JSON.stringify(answers)); // for a second
      if (!cached) for (const answer of answers) expect(answer).toMatchObject(down);
    }
    expect(pings).toBe(1);
  });

  it('is not ready when messaging cannot say how it is', async () => {
    running();
    health = () => {
      throw new Error('database gone');
    };
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      body: { error: { messaging: { status: 'down', reason: 'database gone' } } },
    });
    expect(await ask('/operations/status')).toMatchObject({
      status: 200,
      body: { phase: 'running', unknown: 'database gone' },
    });
  });

  it('shows dead letters with their evidence, and what is not text as base64', async () => {
    running();
    expect(await ask('/operations/dead-letters?limit=5')).toMatchObject({
      status: 200,
      body: {
        count: 1,
        deadLetters: [{ id: '7', body: '{"orderId":"o-1"}', failure: { tries: 4 } }],
      },
    });
    Object.assign(letter, { body: Buffer.from([0xff, 0x00]) });
    expect(await ask('/operations/dead-letters')).toMatchObject({
      body: { deadLetters: [{ bodyBase64: '/wA=' }] },
    });
  });

  it('shows handlers over their timeout, and none before any handler ran', async () => {
    const overdue = [
      {
        kind: 'command',
        contract: 'orders.place',
        id: 'm-1',
        handler: 'OrderController.place',
        age: 75_400,
        ended: true,
      },
    ] as const;
    running();
    health = () => ({ ...consuming, overdue });
    expect(await ask('/operations/overdue')).toEqual({ status: 200, body: overdue });
    health = () => consuming;
    expect(await ask('/operations/overdue')).toEqual({ status: 200, body: [] });
  });

  it('replays a dead letter once, and never for a web page', async () => {
    running();
    const replay = (headers = {}) =>
      ask('/operations/dead-letters/7/replay', { method: 'POST', headers });
    expect(await replay({ origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect(replayed).toEqual([]);
    expect(await replay()).toEqual({ status: 202, body: { replayed: true } });
    expect(await replay()).toMatchObject({ status: 404 });
  });

  it('answers operations to nobody by a foreign name or without the token, whatever they ask; health and metrics to everybody', async () => {
    service = new Service('orders', service.logger, {
      environment: readEnvironment({ OPERATIONS_TOKEN: 'a-token-of-operators' }),
      inspectable: { sagas: 'SAGAS' },
    });
    operations = new Operations(service);
    server.removeAllListeners('request').on('request', operations.receive);
    running();
    const before = [...replayed];
    const asked = [
      ['GET', 'status'],
      ['GET', 'dead-letters'],
      ['GET', 'sagas'],
      ['GET', 'nothing'],
      ['POST', 'dead-letters/7/replay'],
      ['POST', 'concurrency/orders.saga'],
      ['DELETE', 'status'],
    ];
    const by = async (host: string, authorization: string) => {
      const statuses = [];
      for (const [method, path] of asked)
        statuses.push(
          await statusOf({ method, path: `/operations/${path}`, headers: { host, authorization } }),
        );
      return new Set(statuses);
    };
    expect(await by('evil.example:4080', 'Bearer a-token-of-operators')).toEqual(new Set([421]));
    expect(await by('localhost', 'Bearer guess')).toEqual(new Set([401]));
    expect(replayed).toEqual(before);
    expect(
      await statusOf({
        path: '/operations/status',
        headers: { host: 'localhost', authorization: 'Bearer a-token-of-operators' },
      }),
    ).toBe(200);
    for (const path of ['/metrics', '/health/live', '/health/ready'])
      expect(await statusOf({ path, headers: { host: '10.0.0.7' } })).toBe(200);
  });

  it('changes how many messages a subscription handles at the same time, and notes who did it', async () => {
    running();
    const said: string[] = [];
    jest.spyOn(service.logger, 'write').mockImplementation((_, message) => void said.push(message));
    const change = (subscription: string, body: object) =>
      ask(`/operations/concurrency/${subscription}`, {
        method: 'POST',
        headers: { 'x-operator': 'ada' },
        body: JSON.stringify(body),
      });
    expect(await change('orders.saga', { concurrency: 3, reason: 'the provider is slow' })).toEqual(
      {
        status: 200,
        body: { subscription: 'orders.saga', before: 10, concurrency: 3 },
      },
    );
    expect(said).toEqual([
      'ada (claimed) (the provider is slow) lets orders.saga handle 3 messages at a time; it was 10 before',
      'audit: ada (claimed) POST /operations/concurrency/orders.saga 200',
    ]);
    expect(await change('orders.saga', { concurrency: 0 })).toMatchObject({ status: 400 });
    expect(await change('orders.nothing', { concurrency: 3 })).toMatchObject({
      status: 404,
      body: { message: expect.stringContaining('orders.saga') },
    });
    expect(await ask('/operations/concurrency')).toEqual({
      status: 200,
      body: { subscriptions: [{ kind: 'event', subscription: 'orders.saga', concurrency: 10 }] },
    });
  });

  it('shows what the service declares as inspectable', async () => {
    running();
    expect(await ask('/operations/sagas?name=fulfilment')).toEqual({
      status: 200,
      body: [{ name: 'fulfilment' }],
    });
    expect(await ask('/operations/sagas/fulfilment/o-1')).toEqual({
      status: 200,
      body: { name: 'fulfilment', key: 'o-1' },
    });
    expect(await ask('/operations/sagas/fulfilment/o-2')).toMatchObject({ status: 404 });
    expect(await ask('/operations/nothing')).toMatchObject({ status: 404 });
    expect(await ask('/operations/constructor')).toMatchObject({ status: 404 });
  });

  it('tells a filter that means nothing, an outage and a bug apart', async () => {
    running();
    const said: string[] = [];
    jest.spyOn(service.logger, 'write').mockImplementation((_, message) => void said.push(message));
    expect(await ask('/operations/sagas?olderThan=x')).toEqual({
      status: 400,
      body: { status: 400, message: 'is not a duration' },
    });
    expect(await ask('/operations/sagas/fulfilment/away')).toMatchObject({
      status: 503,
      body: { message: 'the database is not connected' },
    });
    expect(said).toEqual([]);
    expect(await ask('/operations/sagas/fulfilment/broken?token=x')).toEqual({
      status: 500,
      body: { status: 500, message: 'something went wrong here; the log says what' },
    });
    expect(said).toEqual(['GET /operations/sagas/fulfilment/broken failed']);
  });

  it.each([
    '/operations/sagas/order/%00',
    '/operations/sagas/%00',
    '/operations/dead-letters/%00',
    '/operations/sagas?key=%00',
    '/operations/explain/a%00b',
  ])('refuses text that nobody keeps: %s', async (path) => {
    running();
    expect(await ask(path)).toEqual({
      status: 400,
      body: { status: 400, message: 'the path cannot be read' },
    });
  });

  it.each([
    '/anything/status',
    '/anything/dead-letters',
    '/health/anything',
    '/health/live/anything',
    '/metrics/anything',
    '/health/../anything/dead-letters',
    '/health/../operations/status',
    '/health/%2e%2e/anything/sagas',
    '/health/%2E./metrics',
    '/health/..\\\\anything/status',
    '/health\\\\..\\\\anything/status',
    '/operations/../health/live',
    '/operations/dead-letters/./7',
    '/%6fperations/status',
    '//operations/status',
    '//host/anything/status',
    'http://host/anything/status',
    '/',
    '*',
  ])('tells nothing by way of another path: %s', async (path) => {
    running();
    expect([400, 404]).toContain(await statusOf({ path }));
  });

  it('refuses an operator who is named twice', async () => {
    running();
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'POST /operations/dead-letters/7/replay HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Operator: ada\r\nX-Operator: eve\r\nContent-Length: 0\r\n\r\n',
    );
    let text = '';
    for await (const part of socket) text += String(part);
    expect(text).toMatch(/^HTTP\/1.1 400 [^]*the header X-Operator comes twice/);
  });

  it('answers a path that cannot be read, and a change where nothing can be changed', async () => {
    running();
    expect((await ask('/operations/%E0%A4%A')).status).toBe(400);
    expect((await ask('/operations/status', { method: 'POST' })).status).toBe(404);
    expect((await ask('/operations/status', { method: 'DELETE' })).status).toBe(405);
  });
});

/** `fetch` sets Host by itself. */
async function statusOf(options: RequestOptions): Promise<number> {
  const [response] = (await once(
    request({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...options }).end(),
    'response',
  )) as [IncomingMessage];
  response.resume();
  return response.statusCode!;
}
