import { type ReceivedSpan, TraceReceiver } from '@parley/conformance';
import { GuestbookOnTrial } from './guestbook-process.fixture';

jest.setTimeout(60_000);

let receiver: TraceReceiver;
let guestbook: GuestbookOnTrial;
let spans: readonly ReceivedSpan[];

beforeAll(async () => {
  receiver = await TraceReceiver.open();
  guestbook = await GuestbookOnTrial.start({
    variables: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      INSTANCE: 'guestbook-1',
      BUILD: '1.2.3',
    },
  });
  await guestbook.post('ada');
  await guestbook.post('bob/by-call');
  await guestbook.post('eve/trip');
  await guestbook.service.says('guestbook.trip-over is dead');
  guestbook.service.kill('SIGTERM');
  await guestbook.service.ended;
  spans = receiver.spans;
});
afterAll(async () => {
  await guestbook?.stop();
  await receiver.close();
});

const named = (name: string) => spans.filter((span) => span.name === name);

test('a service exports its spans before it ends, with its name, instance and build', () => {
  expect(spans.length).toBeGreaterThan(5);
  for (const { resource } of spans)
    expect(resource).toMatchObject({
      'service.name': 'guestbook',
      'service.instance.id': 'guestbook-1',
      'service.version': '1.2.3',
    });
});

test('a request, the messages of its transaction and their handling are one trace', () => {
  const [request] = named('POST /guests/:name');
  const created = spans.filter(({ parentSpanId }) => parentSpanId === request!.spanId);
  expect(created.map(({ name }) => name).sort()).toEqual([
    'create guestbook.bow-to',
    'create guestbook.guest-came',
  ]);
  for (const { spanId } of created)
    expect(spans.find(({ parentSpanId }) => parentSpanId === spanId)).toMatchObject({
      kind: 'consumer',
      traceId: request!.traceId,
      attributes: { 'messaging.system': 'postgresql', 'parley.outcome': 'done' },
    });
});

test('a call over the network is a client span with a server span below it', () => {
  const [request] = named('POST /guests/:name/by-call');
  const calls = named('guestbook.Guestbook/SignFor');
  const client = calls.find(({ kind }) => kind === 'client');
  const server = calls.find(({ kind }) => kind === 'server');
  expect(client).toMatchObject({
    parentSpanId: request!.spanId,
    attributes: { 'rpc.system.name': 'grpc', 'rpc.response.status_code': 'OK' },
  });
  expect(server).toMatchObject({ parentSpanId: client!.spanId, traceId: request!.traceId });
});

test('a dead letter has a failed span with its cause, whose trace the log names', () => {
  const [dead] = named('process guestbook.trip-over');
  expect(dead).toMatchObject({
    failed: true,
    attributes: { 'parley.outcome': 'dead', 'parley.dead_letter.cause': 'TypeError' },
  });
  const line = guestbook.service.lines.find(({ level }) => level === 'error');
  expect(line).toMatchObject({ traceId: dead!.traceId });
});
