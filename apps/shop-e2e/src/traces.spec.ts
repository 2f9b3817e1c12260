import type { ReceivedSpan } from '@parley/conformance';
import { SERVICES } from './stage';
import { TracedShop } from './traced-shop.fixture';

jest.setTimeout(30_000);

let traced: TracedShop | undefined;
let spans: readonly ReceivedSpan[];
/** The trace of the request that placed the order. */
let trace: readonly ReceivedSpan[];

const TRACE_OF_CLIENT = '4bf92f3577b34da6a3ce929d0e0e4736';

beforeAll(async () => {
  const shop = (traced = await TracedShop.open());
  await shop.place({
    traceparent: `00-${TRACE_OF_CLIENT}-00f067aa0ba902b7-01`,
    tracestate: 'vendor=opaque',
  });
  await shop.shop.finish();
  await shop.place();
  await shop.shop.finish();
  spans = await shop.received();
  trace = spans.filter(({ traceId }) => traceId === TRACE_OF_CLIENT);
});
afterAll(() => traced?.close());

const named = (name: string, service?: string): ReceivedSpan => {
  const [span] = trace.filter(
    (one) => one.name === name && (service === undefined || one.service === service),
  );
  if (!span)
    throw new Error(
      `no span ${name}, only ${[...new Set(trace.map((one) => `${one.service}: ${one.name}`))].join(', ')}`,
    );
  return span;
};
const parentOf = ({ parentSpanId }: ReceivedSpan): ReceivedSpan | undefined =>
  trace.find(({ spanId }) => spanId === parentSpanId);

/** The spans that handed a message to its technology. */
const sendingOf = ({ spanId }: ReceivedSpan): readonly ReceivedSpan[] =>
  spans.filter(
    ({ attributes, links }) =>
      attributes['messaging.operation.type'] === 'send' &&
      links.some((link) => link.spanId === spanId),
  );

test('an order that is placed at the gateway is one trace over all services', () => {
  expect([...new Set(trace.map(({ service }) => service))].sort()).toEqual(
    ['gateway', ...SERVICES].sort(),
  );
});

test('a request without a context begins the trace of its order', () => {
  const request = spans.find(
    ({ name, traceId }) => name === 'POST /orders' && traceId !== TRACE_OF_CLIENT,
  );
  const own = spans.filter(({ traceId }) => traceId === request!.traceId);
  expect(request!.parentSpanId).toBeUndefined();
  expect([...new Set(own.map(({ service }) => service))].sort()).toEqual(
    ['gateway', ...SERVICES].sort(),
  );
});

test('each span of it has its parent in the trace, up to the request', () => {
  const request = named('POST /orders');
  expect(request).toMatchObject({
    service: 'gateway',
    kind: 'server',
    parentSpanId: '00f067aa0ba902b7',
  });
  expect(trace.filter((span) => span !== request && !parentOf(span))).toEqual([]);
});

test('a call is a client span at the caller and a server span at the owner', () => {
  const caller = named('orders.Orders/PlaceOrder', 'gateway');
  const owner = named('orders.Orders/PlaceOrder', 'orders');
  expect(caller).toMatchObject({ kind: 'client', attributes: { 'rpc.system.name': 'memory' } });
  expect(owner).toMatchObject({ kind: 'server', attributes: { 'rpc.response.status_code': 'OK' } });
  expect(parentOf(owner)).toBe(caller);
  expect(parentOf(caller)).toBe(named('POST /orders'));
});

test('a message is created by a producer, sent by a client and processed by consumers', () => {
  const create = named('create orders.order-placed');
  expect(create).toMatchObject({
    kind: 'producer',
    attributes: {
      'messaging.operation.type': 'create',
      'messaging.destination.name': 'orders.order-placed',
      'parley.kind': 'event',
    },
  });
  const [send] = sendingOf(create);
  expect(send).toMatchObject({
    kind: 'client',
    attributes: { 'messaging.operation.type': 'send' },
  });
  const process = trace.filter(({ name }) => name === 'process orders.order-placed');
  expect(process.length).toBeGreaterThan(1);
  for (const one of process) {
    expect(one.kind).toBe('consumer');
    expect(one.parentSpanId).toBe(create.spanId);
    expect(one.links).toMatchObject([{ spanId: create.spanId }]);
  }
});

test('a message that leaves the outbox alone is sent as a part of its trace, with its wait', () => {
  const alone = trace.filter(({ name, links }) => name.startsWith('send ') && links.length === 1);
  expect(alone.length).toBeGreaterThan(1);
  for (const send of alone) {
    expect(parentOf(send)).toMatchObject({ kind: 'producer', spanId: send.links[0]!.spanId });
    expect(send.attributes['parley.outbox.wait_ms']).toBeGreaterThanOrEqual(0);
  }
});

test('messages that leave the outbox together are one span with a link to each', () => {
  const together = spans.filter(
    ({ attributes, links }) =>
      attributes['messaging.operation.type'] === 'send' && links.length > 1,
  );
  expect(together.length).toBeGreaterThan(0);
  for (const { parentSpanId, attributes, links } of together) {
    expect(parentSpanId).toBeUndefined();
    expect(attributes['messaging.batch.message_count']).toBe(links.length);
    for (const link of links)
      expect(spans.find(({ spanId }) => spanId === link.spanId)).toMatchObject({
        kind: 'producer',
      });
  }
});

test('the steps of a saga are events of the span that takes them', () => {
  const steps = trace
    .flatMap(({ events }) => events)
    .filter(({ name }) => name === 'parley.saga.step');
  expect(steps.map(({ attributes }) => attributes['parley.saga.name'])).toContain('fulfilment');
  expect(steps.length).toBeGreaterThan(2);
});

test('what other tracing systems added to the context arrives everywhere', () => {
  expect(new Set(trace.map(({ traceState }) => traceState))).toEqual(new Set(['vendor=opaque']));
});

test('no span names the customer, the key of a lane or a token', () => {
  const text = JSON.stringify(spans);
  for (const secret of ['Ada', 'ada@example.org', 'Gasse 1', 'tok_ok', traced!.shop.orderIds[0]!])
    expect(text).not.toContain(secret);
});
