import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, diag, trace } from '@opentelemetry/api';
import { eventually, type ReceivedSpan, TraceReceiver } from '@parley/conformance';
import { readEnvironment } from './environment';
import { type Telemetry, telemetryOf } from './telemetry';

const logged: string[] = [];
let receiver: TraceReceiver;
let telemetry: Telemetry | undefined;

beforeEach(async () => {
  logged.length = 0;
  receiver = await TraceReceiver.open();
});
afterEach(async () => {
  await telemetry?.close();
  await receiver.close();
  context.disable();
  trace.disable();
  diag.disable();
});

async function start(variables: Record<string, string> = {}): Promise<Telemetry> {
  const environment = readEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    INSTANCE: 'orders-1',
    BUILD: '1.2.3',
    ...variables,
  });
  const write = (level: string, message: string) => void logged.push(`${level}: ${message}`);
  return (telemetry = (await telemetryOf('orders', environment, { write }))!);
}

/** Spans as they arrive at the collector, by name. */
async function exported(): Promise<readonly string[]> {
  await telemetry!.close();
  telemetry = undefined;
  return receiver.spans.map(({ name }) => name);
}

const delivery = { technology: 'memory', kind: 'command', subscription: 'orders', age: 0 };
const process = (
  { tracing }: Telemetry,
  contract: string,
  {
    attempt = 1,
    kept = false,
    traceparent,
  }: { attempt?: number; kept?: boolean; traceparent?: string } = {},
) =>
  tracing.process({
    ...delivery,
    contract,
    attempt,
    kept,
    headers: traceparent === undefined ? {} : { traceparent },
  });

it('is not there while no endpoint is set', async () => {
  expect(
    await telemetryOf('orders', readEnvironment({}), { write: () => undefined }),
  ).toBeUndefined();
});

it('exports what is left when the process ends, with the name of its process', async () => {
  const { tracing } = await start();
  tracing.request('GET', {}).end(200, '/orders/:id');
  expect(await exported()).toEqual(['GET /orders/:id']);
  const [span] = receiver.spans as [ReceivedSpan];
  expect(span.resource).toMatchObject({
    'service.name': 'orders',
    'service.instance.id': 'orders-1',
    'service.version': '1.2.3',
  });
});

describe('with a ratio of 0', () => {
  const none = { OTEL_TRACES_SAMPLER_ARG: '0' };

  it('exports no trace that succeeds', async () => {
    process(await start(none), 'orders.ship').end({ outcome: 'done' });
    expect(await exported()).toEqual([]);
  });

  it('exports the spans of this process that belong to a failure, before and after it', async () => {
    const started = await start(none);
    const first = process(started, 'orders.first');
    const { traceparent } = first.context;
    process(started, 'orders.before', { traceparent }).end();
    process(started, 'orders.failed', { traceparent }).end({
      outcome: 'dead',
      error: 'RangeError',
    });
    process(started, 'orders.other').end();
    first.end();
    expect([...(await exported())].sort()).toEqual(
      ['before', 'failed', 'first'].map((name) => `process orders.${name}`),
    );
  });

  it('exports each further handling of a message that failed, and all that follows', async () => {
    const started = await start(none);
    const retry = process(started, 'orders.retried', { attempt: 2 });
    process(started, 'orders.replayed', { kept: true }).end();
    process(started, 'orders.next', { traceparent: retry.context.traceparent }).end();
    retry.end();
    expect(await exported()).toHaveLength(3);
  });

  it('exports the timeouts of sagas', async () => {
    const { tracing } = await start(none);
    const { traceparent } = tracing.request('GET', {}).context;
    tracing.work('timeout fulfilment', { 'parley.sample': true }, { traceparent }).end();
    expect(await exported()).toEqual(['timeout fulfilment']);
  });
});

it('records nothing outside of the share where failures are not asked for, but further handlings', async () => {
  const off = { OTEL_TRACES_SAMPLER_ARG: '0', TRACES_OF_FAILURES: 'off' };
  const started = await start(off);
  const first = process(started, 'orders.failed');
  const { traceparent } = first.context;
  expect(traceparent).toMatch(/-00$/); // the next one is told, and takes the same decision
  process(started, 'orders.next', { traceparent }).end({ outcome: 'dead', error: 'RangeError' });
  first.end({ outcome: 'dead', error: 'RangeError' });
  process(started, 'orders.retried', { attempt: 2 }).end();
  expect(await exported()).toEqual(['process orders.retried']);
});

it('takes the decision of the one who began the trace', async () => {
  const started = await start({ OTEL_TRACES_SAMPLER_ARG: '0' });
  process(started, 'orders.sampled', {
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  }).end();
  expect(await exported()).toEqual(['process orders.sampled']);
});

it('takes a share of the traces, the same one in every process', async () => {
  const started = await start({ OTEL_TRACES_SAMPLER_ARG: '0.5' });
  const high = started.tracing.request('GET', {});
  for (let i = 0; i < 400; i++) started.tracing.request('GET', {}).end(200);
  high.end(200);
  const { length } = await exported();
  expect(length).toBeGreaterThan(100);
  expect(length).toBeLessThan(300);
});

/** Spans that the SDK exports without waiting for more: OTEL_BSP_MAX_EXPORT_BATCH_SIZE. */
const MOST_AT_ONCE = 512;

it('says in a sentence why traces cannot be exported', async () => {
  const refusing = createServer((_, response) => void response.writeHead(400).end());
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  const { port } = refusing.address() as AddressInfo;
  const { tracing } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  for (let i = 0; i < MOST_AT_ONCE; i++) tracing.request('GET', {}).end(200);
  await eventually(() => logged.length > 0, 'a warning');
  await new Promise((resolve) => refusing.close(resolve));
  expect(logged).toEqual(['warn: traces cannot be exported: Bad Request']);
});
