import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { event } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import type { Handling } from '@parley/messaging/transport';
import { z } from 'zod';
import { MessageRecords } from './message-records';

const Paid = event(
  'records.paid',
  z.object({ orderId: z.string(), token: z.string(), email: z.string() }),
  {
    key: 'orderId',
    personal: { subject: 'orderId' as const, fields: { email: 'somebody' } },
    secret: { fields: { token: 'expired' }, life: '3d' },
  },
);
const SentWord = event('records.sent-word', z.object({ word: z.string() }), { key: 'word' });

const envelope: Envelope = {
  specversion: '1.0',
  id: 'message-1',
  type: SentWord.name,
  source: '/orders',
  time: '2026-11-30T12:00:00.000Z',
  datacontenttype: 'application/json',
  contractversion: '3',
  correlationid: 'conversation-1',
  causationid: 'message-0',
  partitionkey: 'order-7',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  producerinstance: 'orders-1',
  producerbuild: '1.2.3',
};

const handling = (over: Partial<Handling> = {}): Handling => ({
  kind: 'event',
  contract: SentWord.name,
  subscription: 'notifications.mails',
  outcome: 'done',
  attempt: 1,
  tries: 1,
  milliseconds: 5,
  age: 20,
  envelope,
  body: Buffer.from('{"word":"hello"}'),
  ...over,
});

interface Record {
  readonly eventName: string;
  readonly body?: { readonly stringValue: string };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}
interface Received {
  readonly authorization?: string;
  readonly resource: readonly { readonly key: string; readonly value: object }[];
  readonly records: readonly Record[];
}

let server: Server;
let endpoint: string;
let status: number;
let answering: Promise<void>;
const received: Received[] = [];
const logged: string[] = [];
let records: MessageRecords;

beforeEach(async () => {
  received.length = logged.length = 0;
  [status, answering] = [200, Promise.resolve()];
  server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const [{ resource, scopeLogs }] = JSON.parse(body).resourceLogs;
      received.push({
        authorization: request.headers.authorization,
        resource: resource.attributes,
        records: scopeLogs[0].logRecords,
      });
      await answering;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((open) => server.listen(0, '127.0.0.1', open));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  records = recordsTo(endpoint);
});
afterEach(async () => {
  await records.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const recordsTo = (to: string): MessageRecords =>
  new MessageRecords({
    endpoint: to,
    service: 'notifications',
    instance: 'notifications-1',
    build: '1.2.4',
    token: 'a-token',
    log: (_, message) => void logged.push(message),
  });

const of = (pairs: Received['resource']): object =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
const sent = () => received.flatMap(({ records }) => records);

it('are a handling with its message and its producer, sent with the token of operations', async () => {
  const failure = { error: 'RangeError', message: 'too much' };
  records.observer.handled!(handling({ outcome: 'retry', attempt: 2, tries: 4, failure }));
  await records.flush();
  expect(received).toHaveLength(1);
  expect(received[0]!.authorization).toBe('Bearer a-token');
  expect(of(received[0]!.resource)).toEqual({
    'service.name': 'notifications',
    'service.instance.id': 'notifications-1',
    'service.version': '1.2.4',
  });
  const [record] = sent();
  expect(record).toMatchObject({
    eventName: 'parley.message.handled',
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    body: { stringValue: '{"word":"hello"}' },
  });
  expect(of(record!.attributes)).toEqual({
    'messaging.message.id': 'message-1',
    'messaging.message.conversation_id': 'conversation-1',
    'messaging.destination.subscription.name': 'notifications.mails',
    'messaging.message.body.size': '16',
    'parley.contract': 'records.sent-word',
    'parley.kind': 'event',
    'parley.outcome': 'retry',
    'parley.attempt': '2',
    'parley.tries': '4',
    'parley.took_ms': 5,
    'parley.waited_ms': 15,
    'parley.sent': '2026-11-30T12:00:00.000Z',
    'parley.source': 'orders',
    'parley.producer.instance': 'orders-1',
    'parley.producer.build': '1.2.3',
    'parley.headers': '{"contractversion":"3"}',
    'parley.causation.id': 'message-0',
    'parley.key': 'order-7',
    'error.type': 'RangeError',
    'parley.error.message': 'too much',
  });
});

it('mask personal and secret fields, encrypted or not', async () => {
  const body = Buffer.from(
    '{"orderId":"7","token":"sealed:v1:token:AAAA","email":"ada@shop.example"}',
  );
  records.observer.handled!(handling({ contract: Paid.name, body }));
  await records.flush();
  expect(JSON.parse(sent()[0]!.body!.stringValue)).toEqual({
    orderId: '7',
    token: 'expired',
    email: 'somebody',
  });
});

it.each([
  ['a contract that this process does not know', handling({ contract: 'nobody.knows' })],
  ['a body that is larger than is shown', handling({ body: Buffer.alloc(40_000, 'x') })],
  ['a body that travels by itself', handling({ body: Buffer.alloc(0) })],
  ['a body that cannot be read', handling({ contract: Paid.name, body: Buffer.from('{"token":') })],
])('have no body of %s', async (_, one) => {
  records.observer.handled!(one);
  await records.flush();
  expect(sent()).toEqual([expect.not.objectContaining({ body: expect.anything() })]);
});

it('are made of calls without their bodies', async () => {
  const call = { contract: 'catalog.quote-price', outcome: 'out-of-stock', milliseconds: 3 };
  records.observer.answered!({ ...call, envelope });
  records.observer.answered!({ ...call, envelope: undefined });
  await records.flush();
  expect(sent().map(({ attributes }) => of(attributes))).toEqual([
    expect.objectContaining({ 'parley.kind': 'call', 'parley.outcome': 'out-of-stock' }),
  ]);
  expect(sent()[0]).not.toHaveProperty('body');
});

it('are not made of messages that were given back, or could not be read', async () => {
  records.observer.handled!(handling({ outcome: 'return' }));
  records.observer.handled!(handling({ envelope: undefined }));
  await records.flush();
  expect(received).toEqual([]);
});

it('wait in a bounded number while the console does not answer; the dropped ones are counted', async () => {
  let answer = (): void => undefined;
  answering = new Promise((done) => (answer = done));
  records.observer.handled!(handling());
  const sending = records.flush();
  for (let time = 0; time < 2_100; time++) records.observer.handled!(handling());
  answer();
  await sending;
  expect(sent()).toHaveLength(2_001);
  const dropped = received
    .map(({ resource }) => of(resource))
    .flatMap(
      (about) => (about as { 'parley.records.dropped'?: string })['parley.records.dropped'] ?? [],
    );
  expect(dropped).toEqual(['100']);
});

it('are dropped and counted while the console refuses them, which is logged once in a while', async () => {
  status = 503;
  for (let time = 0; time < 3; time++) {
    records.observer.handled!(handling());
    await records.flush();
  }
  expect(logged).toEqual([
    `handled messages cannot be sent to ${endpoint}/v1/logs: 503 Service Unavailable`,
  ]);
  status = 200;
  records.observer.handled!(handling());
  await records.flush();
  expect(of(received.at(-1)!.resource)).toMatchObject({ 'parley.records.dropped': '3' });
});

it('are sent to the last when the process ends', async () => {
  records.observer.handled!(handling());
  await records.close();
  expect(sent()).toHaveLength(1);
});

it('hold no body that is too large to be sent while they wait', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const noted = (bytes: number): WeakRef<Buffer> => {
    const body = Buffer.alloc(bytes, 'x');
    records.observer.handled!(handling({ body }));
    return new WeakRef(body);
  };
  const [small, large] = [noted(1_000), noted(1_000_000)];
  await new Promise(setImmediate);
  collect();
  expect([small.deref()?.length, large.deref()]).toEqual([1_000, undefined]);
});
