import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { eventually } from '@parley/conformance';
import { event } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import { MessageRecords } from '@parley/observability';
import { AuditTrail, OperationsAccess, readEnvironment } from '@parley/service';
import { Client } from 'pg';
import { z } from 'zod';
import { telemetryOf } from '../../../../libs/parley/service/src/telemetry';
import { guard } from '../access';
import { takeTelemetry } from './ingestion';
import { MessageKeeper } from './message-keeper';
import { MessagesController } from './messages.controller';

jest.setTimeout(180_000);

const TOKEN = 'a-token-of-operators';
const as = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };

const Placed = event(
  'ingestion.order-placed',
  z.object({ orderId: z.string(), note: z.string(), email: z.string() }),
  {
    key: 'orderId',
    personal: { subject: 'orderId' as const, fields: { email: 'somebody@example.org' } },
  },
);

const database = `console_trial_${randomUUID().slice(0, 8)}`;
let keeper: MessageKeeper;
let app: NestFastifyApplication;
let url: string;
const audited: string[] = [];
const logged: string[] = [];

beforeAll(async () => {
  await asAdministrator(`create database ${database}`);
  const own = new URL(process.env.PARLEY_TEST_POSTGRES!);
  own.pathname = `/${database}`;
  [keeper, app, url] = await consoleWith({ DATABASE_URL: own.href });
  await eventually(() => keeper.figures !== undefined, 'the store');
});
afterAll(async () => {
  await app?.close();
  await asAdministrator(`drop database ${database} with (force)`);
});

async function asAdministrator(sql: string): Promise<void> {
  const client = new Client({ connectionString: process.env.PARLEY_TEST_POSTGRES });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

async function consoleWith(
  settings: Partial<ConstructorParameters<typeof MessageKeeper>[0]>,
): Promise<[MessageKeeper, NestFastifyApplication, string]> {
  const kept = new MessageKeeper(
    {
      DATABASE_URL: undefined,
      INSTANCE: 'console-1',
      MESSAGES_KEPT: 3_600_000,
      MESSAGES_KEPT_MB: 64,
      ...settings,
    },
    { write: (_, message) => void logged.push(message) },
  );
  const providers = [{ provide: MessageKeeper, useValue: kept }];
  const made = await NestFactory.create<NestFastifyApplication>(
    { module: class ConsoleUnderTest {}, controllers: [MessagesController], providers },
    new FastifyAdapter(),
    { logger: false },
  );
  const access = new OperationsAccess(readEnvironment({ OPERATIONS_TOKEN: TOKEN }));
  guard(made, access, new AuditTrail((message) => audited.push(message)));
  takeTelemetry(made, kept);
  await made.listen(0, '127.0.0.1');
  const { port } = made.getHttpServer().address() as AddressInfo;
  return [kept, made, `http://127.0.0.1:${port}`];
}

const ask = async (path: string): Promise<{ status: number; body: never }> => {
  const response = await fetch(`${url}${path}`, { headers: as });
  return { status: response.status, body: (await response.json()) as never };
};
const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: 'POST', body: body as string, headers: { ...as, ...headers } });

const envelope = (over: Partial<Envelope> = {}): Envelope => ({
  specversion: '1.0',
  id: 'message-1',
  type: Placed.name,
  source: '/orders',
  time: '2026-11-30T12:00:00.000Z',
  datacontenttype: 'application/json',
  contractversion: '1',
  correlationid: 'conversation-1',
  partitionkey: 'order-7',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  producerinstance: 'orders-1',
  producerbuild: '1.2.3',
  ...over,
});

/** Records of one handled message, as a service sends them. */
async function handled(over: Partial<Envelope> = {}, token = TOKEN): Promise<void> {
  const records = new MessageRecords({
    endpoint: url,
    service: 'notifications',
    instance: 'notifications-1',
    build: '1.2.4',
    token,
    log: (_, message) => void logged.push(message),
  });
  records.observer.handled!({
    kind: 'event',
    contract: Placed.name,
    subscription: 'notifications.mails',
    outcome: 'dead',
    attempt: 4,
    tries: 2,
    milliseconds: 7,
    age: 50,
    envelope: envelope(over),
    body: Buffer.from('{"orderId":"order-7","note":"with care","email":"ada@shop.example"}'),
    failure: { error: 'RangeError', message: 'too much' },
  });
  await records.close();
}

describe('a handled message that a service reports', () => {
  beforeAll(async () => {
    await handled();
    await eventually(async () => (await ask('/api/messages/message-1')).status === 200, 'it');
  });

  it('is found whole: headers, body, producer, and each handling', async () => {
    expect((await ask('/api/messages/message-1')).body).toEqual({
      id: 'message-1',
      sent: '2026-11-30T12:00:00.000Z',
      contract: 'ingestion.order-placed',
      kind: 'event',
      source: 'orders',
      instance: 'orders-1',
      build: '1.2.3',
      key: 'order-7',
      correlation: 'conversation-1',
      causation: null,
      trace: 'a'.repeat(32),
      bytes: 67,
      headers: { contractversion: '1' },
      body: expect.any(String),
      handlings: [
        {
          at: expect.any(String),
          service: 'notifications',
          subscription: 'notifications.mails',
          instance: 'notifications-1',
          build: '1.2.4',
          outcome: 'dead',
          attempt: 4,
          tries: 2,
          took: 7,
          waited: 43,
          error: 'RangeError',
          reason: 'too much',
          trace: 'a'.repeat(32),
          span: 'b'.repeat(16),
        },
      ],
    });
  });

  it('has no personal field, neither shown nor searched for', async () => {
    const { body } = (await ask('/api/messages/message-1')).body as { body: string };
    expect(JSON.parse(body)).toEqual({
      orderId: 'order-7',
      note: 'with care',
      email: 'somebody@example.org',
    });
    const found = async (text: string) =>
      ((await ask(`/api/messages?text=${text}`)).body as { messages: unknown[] }).messages.length;
    expect([await found('care'), await found('ada')]).toEqual([1, 0]);
  });

  it.each([
    'id=message-1',
    'correlation=conversation-1',
    'key=order-7',
    'contract=ingestion.order-placed',
    'service=notifications',
    'service=orders',
    'outcome=dead&error=RangeError',
    `trace=${'a'.repeat(32)}`,
    'from=2026-11-30T11:00:00Z&to=2026-11-30T13:00:00Z',
  ])('is found by %s', async (query) => {
    const { body } = await ask(`/api/messages?${query}`);
    expect(body).toMatchObject({ messages: [{ id: 'message-1' }] });
  });

  it('is in its conversation and its trace', async () => {
    expect((await ask('/api/conversations/conversation-1')).body).toMatchObject([
      { id: 'message-1' },
    ]);
    expect((await ask(`/api/traces/${'a'.repeat(32)}`)).body).toMatchObject({
      messages: [{ id: 'message-1' }],
    });
  });
});

it('spans of the exporter that services use are kept', async () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: url, INSTANCE: 'orders-1', BUILD: '1.2.3' };
  process.env.OTEL_EXPORTER_OTLP_HEADERS = `authorization=Bearer%20${TOKEN}`;
  const telemetry = (await telemetryOf('orders', readEnvironment(endpoint), {
    write: (_, message) => void logged.push(message),
  }))!;
  const request = telemetry.tracing.request('POST', {});
  request.run(() => telemetry.tracing.note('parley.saga.step', { to: 'reserving' }));
  request.end(500, '/orders');
  await telemetry.close();
  delete process.env.OTEL_EXPORTER_OTLP_HEADERS;
  const [, trace] = request.context.traceparent.split('-');
  const { spans } = await eventually(async () => {
    const { body } = await ask(`/api/traces/${trace}`);
    return (body as { spans: object[] }).spans.length > 0 && (body as { spans: object[] });
  }, 'the span');
  expect(spans).toMatchObject([
    {
      name: 'POST /orders',
      kind: 'server',
      service: 'orders',
      instance: 'orders-1',
      build: '1.2.3',
      failed: true,
      attributes: {
        'http.response.status_code': 500,
        events: [{ name: 'parley.saga.step', to: 'reserving' }],
      },
    },
  ]);
});

it('spans as protobuf, also by gzip, are kept', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shipping' }),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('trial');
  const first = tracer.startSpan('first');
  const links = [{ context: first.spanContext() }];
  const second = tracer.startSpan('second', { links, attributes: { 'parley.attempt': 2 } });
  first.end();
  second.end();
  const body = Buffer.from(ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans())!);
  const type = { 'content-type': 'application/x-protobuf' };
  const [plain, packed] = [
    await post('/v1/traces', body, type),
    await post('/v1/traces', gzipSync(body), { ...type, 'content-encoding': 'gzip' }),
  ];
  expect([plain.status, packed.status]).toEqual([200, 200]);
  expect(plain.headers.get('content-type')).toBe('application/x-protobuf');
  const { traceId, spanId } = first.spanContext();
  const { spans } = await eventually(async () => {
    const { body } = await ask(`/api/traces/${second.spanContext().traceId}`);
    return (body as { spans: object[] }).spans.length === 2 && (body as { spans: object[] });
  }, 'both');
  expect(spans[0]).toMatchObject({
    name: 'second',
    service: 'shipping',
    attributes: { 'parley.attempt': 2 },
    links: [{ trace: traceId, span: spanId }],
    started: expect.any(Number),
  });
});

describe('a sender', () => {
  it('needs the token, and leaves no line in the audit unless it is refused', async () => {
    audited.length = 0;
    await post('/v1/logs', '{}', JSON_TYPE);
    expect(audited).toEqual([]);
    const refused = await post('/v1/logs', '{}', { ...JSON_TYPE, authorization: 'Bearer guess' });
    expect(refused.status).toBe(401);
    expect(audited).toEqual([expect.stringContaining('POST /v1/logs 401')]);
  });

  it('learns that its token is wrong, and goes on', async () => {
    logged.length = 0;
    await handled({ id: 'message-2' }, 'another-token-altogether');
    expect(logged).toEqual([expect.stringContaining('cannot be sent')]);
  });

  it('may not be a page of another origin', async () => {
    const origin = { origin: 'https://evil.example' };
    expect((await post('/v1/logs', '{}', { ...JSON_TYPE, ...origin })).status).toBe(403);
  });

  it.each([
    ['no JSON', '{"resourceLogs":'],
    ['something else', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[null]}]}]}'],
  ])('is refused for %s', async (_, body) => {
    expect((await post('/v1/logs', body, JSON_TYPE)).status).toBe(400);
  });

  it('is refused for what unpacks to more than is read', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1_048_576, ' '));
    const packed = { ...JSON_TYPE, 'content-encoding': 'gzip' };
    expect((await post('/v1/logs', bomb, packed)).status).toBe(400);
    expect((await post('/v1/logs', 'x', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('may send texts that PostgreSQL would not take', async () => {
    const odd = 'odd\u0000\ud800text';
    await handled({ id: odd, partitionkey: odd, correlationid: 'odd' });
    const found = await eventually(async () => {
      const { body } = await ask('/api/conversations/odd');
      return (body as unknown[]).length > 0 && (body as { key: string }[]);
    }, 'it');
    expect(found[0]!.key).toBe('odd\ufffd\ufffdtext');
  });
});

describe('a search', () => {
  it.each([
    'limit=0',
    'limit=many',
    'from=yesterday',
    'nothing=known',
    `text=${'x'.repeat(2_000)}`,
  ])('is refused where it asks for %.20s', async (query) => {
    expect((await ask(`/api/messages?${query}`)).status).toBe(400);
  });

  it('for what is not there says so', async () => {
    expect((await ask('/api/messages/nobody')).status).toBe(404);
  });

  it('has the bounds of the store', async () => {
    expect((await ask('/api/messages/store')).body).toMatchObject({
      kept: { hours: 1, bytes: 64 * 1_048_576 },
      bytes: expect.any(Number),
      since: expect.any(String),
      dropped: 0,
    });
  });
});

describe('a console without a store', () => {
  it.each([
    [{}, /no DATABASE_URL/],
    [{ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, /being opened|cannot be opened/],
    [
      { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', MESSAGES_KEPT_MB: 0 },
      /MESSAGES_KEPT_MB is 0/,
    ],
  ])('of %j takes what it is handled, keeps nothing, and says why', async (settings, why) => {
    const [, other, address] = await consoleWith(settings);
    const answer = await fetch(`${address}/v1/logs`, {
      method: 'POST',
      headers: { ...as, ...JSON_TYPE },
      body: '{}',
    });
    expect(answer.status).toBe(200);
    const searched = await fetch(`${address}/api/messages`, { headers: as });
    expect([searched.status, await searched.text()]).toEqual([503, expect.stringMatching(why)]);
    await other.close();
  });
});
