import type { Handling } from '@parley/messaging/transport';
import { Metrics } from './metrics';

const handling = (over: Partial<Handling> = {}): Handling => ({
  kind: 'command',
  contract: 'inventory.reserve-stock',
  subscription: 'inventory',
  outcome: 'done',
  attempt: 1,
  tries: 1,
  milliseconds: 7,
  age: 40,
  body: Buffer.from('{}'),
  ...over,
});
const DONE_BY =
  'messaging_operation_name="process",messaging_system="unknown",messaging_destination_name="inventory.reserve-stock",messaging_consumer_group_name="inventory"';
const of = `kind="command",contract="inventory.reserve-stock",subscription="inventory"`;

describe('metrics', () => {
  it('counts handled messages by contract, subscription and outcome', async () => {
    const metrics = new Metrics();
    metrics.observer.handled!(handling());
    metrics.observer.handled!(handling());
    metrics.observer.handled!(handling({ outcome: 'dead', tries: 4 }));
    const text = await metrics.text();
    expect(text).toContain(`parley_messages_handled_total{${of},outcome="done"} 2`);
    expect(text).toContain(`parley_messages_handled_total{${of},outcome="dead"} 1`);
    expect(text).toContain(`parley_dead_letters_total{${of}} 1`);
    expect(text).toContain(`parley_message_redeliveries_total{${of}} 3`);
  });

  it("shows handlings under the names of OpenTelemetry's conventions, too", async () => {
    const metrics = new Metrics();
    metrics.observer.handled!(handling());
    metrics.observer.handled!(handling({ outcome: 'duplicate' }));
    metrics.observer.handled!(handling({ outcome: 'dead', milliseconds: 60_000 }));
    const text = await metrics.text();
    expect(text).toContain(`messaging_process_duration_seconds_bucket{${DONE_BY},le="0.01"} 2`);
    expect(text).toContain(`messaging_process_duration_seconds_count{${DONE_BY}} 3`);
    expect(text).toContain(`messaging_client_consumed_messages_total{${DONE_BY}} 2`);
    expect(text).toContain(
      `messaging_client_consumed_messages_total{${DONE_BY},error_type="dead"} 1`,
    );
  });

  it('shows calls under the names of the conventions, by side', async () => {
    const metrics = new Metrics();
    metrics.measure({
      health: async () => ({ intakes: [], paused: [], overdue: [] }) as never,
      backlog: async () => [],
      routeInfo: () => ({ call: { technology: 'grpc', address: '' } }),
    });
    metrics.observer.called!({ contract: 'catalog.quote-price', outcome: 'ok', milliseconds: 3 });
    const of = 'rpc_system_name="grpc",rpc_method="catalog.Catalog/QuotePrice"';
    const text = await metrics.text();
    expect(text).toContain(`rpc_client_call_duration_seconds_count{${of}} 1`);
    expect(text).not.toContain('rpc_server_call_duration_seconds_count{');
  });

  it('counts messages that were handed to a technology, and how long it took', async () => {
    const metrics = new Metrics();
    const messages = ['orders.placed', 'orders.placed', 'orders.paid'].map((name) => ({
      contract: { name },
    }));
    metrics.observer.sent!({ technology: 'sqs', messages, milliseconds: 7 } as never);
    metrics.observer.sent!({
      technology: 'sqs',
      messages: [],
      milliseconds: 7,
      error: 'NotStoredError',
    });
    const of = 'messaging_operation_name="send",messaging_system="aws_sqs"';
    const text = await metrics.text();
    expect(text).toContain(
      `messaging_client_sent_messages_total{${of},messaging_destination_name="orders.placed"} 2`,
    );
    expect(text).toContain(`messaging_client_operation_duration_seconds_count{${of}} 1`);
    expect(text).toContain(
      `messaging_client_operation_duration_seconds_count{${of},error_type="NotStoredError"} 1`,
    );
  });

  describe('as OpenMetrics', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const open = 'application/openmetrics-text; version=1.0.0';

    it('has examples of the traces that are exported', async () => {
      const metrics = new Metrics({ hasTraces: true });
      metrics.observer.handled!(handling({ envelope: { traceparent } as never }));
      metrics.observer.handled!(
        handling({
          milliseconds: 2_000,
          envelope: { traceparent: traceparent.replace(/1$/, '0') } as never,
        }),
      );
      const { body, type } = await metrics.answer(open);
      expect(type).toContain('application/openmetrics-text');
      expect(body.endsWith('# EOF\n')).toBe(true);
      const example = new RegExp(
        `parley_message_handling_seconds_bucket\\{${of},le="0.01"\\} 1 # \\{trace_id="${'a'.repeat(32)}"\\} 0.007 `,
      );
      expect(body).toMatch(example);
      expect(body).toMatch(/parley_message_handling_seconds_bucket\{[^}]*le="2.5"\} 2\n/);
      expect(body).toContain(
        `messaging_process_duration_seconds_bucket{${DONE_BY},le="0.01"} 1 # {`,
      );
    });

    it('has no examples while traces are not exported', async () => {
      const metrics = new Metrics();
      metrics.observer.handled!(handling({ envelope: { traceparent } as never }));
      expect((await metrics.answer(open)).body).not.toContain('trace_id');
    });

    it('leaves the names of the other format as they are', async () => {
      const metrics = new Metrics();
      metrics.observer.handled!(handling());
      const before = await metrics.text();
      const { body } = await metrics.answer(open);
      expect(body).toContain('# TYPE parley_messages_handled counter');
      expect(body).toContain('parley_messages_handled_total{');
      const lines = (text: string) => text.split('\n').filter((line) => line.startsWith('# TYPE'));
      expect(lines(await metrics.text())).toEqual(lines(before));
    });
  });

  it('counts every handling of a later attempt as a redelivery', async () => {
    const metrics = new Metrics();
    metrics.observer.handled!(handling({ attempt: 2, tries: 2 }));
    expect(await metrics.text()).toContain(`parley_message_redeliveries_total{${of}} 2`);
  });

  it('spreads durations and lags over cumulative buckets', async () => {
    const metrics = new Metrics();
    metrics.observer.handled!(handling({ milliseconds: 7, age: 40 }));
    metrics.observer.handled!(handling({ milliseconds: 60_000, age: 60_000 }));
    const text = await metrics.text();
    expect(text).toContain(`parley_message_handling_seconds_bucket{${of},le="0.005"} 0`);
    expect(text).toContain(`parley_message_handling_seconds_bucket{${of},le="0.01"} 1`);
    expect(text).toContain(`parley_message_handling_seconds_bucket{${of},le="30"} 1`);
    expect(text).toContain(`parley_message_handling_seconds_bucket{${of},le="+Inf"} 2`);
    expect(text).toContain(`parley_message_handling_seconds_count{${of}} 2`);
    expect(text).toContain(`parley_message_lag_seconds_sum{${of}} 60.04`);
  });

  it('counts calls on both sides', async () => {
    const metrics = new Metrics();
    metrics.observer.called!({
      contract: 'catalog.quote-price',
      outcome: 'deadline-exceeded',
      milliseconds: 800,
    });
    metrics.observer.answered!({ contract: 'catalog.quote-price', outcome: 'ok', milliseconds: 3 });
    const text = await metrics.text();
    expect(text).toContain(
      'parley_calls_total{side="caller",contract="catalog.quote-price",outcome="deadline-exceeded"} 1',
    );
    expect(text).toContain(
      'parley_calls_total{side="owner",contract="catalog.quote-price",outcome="ok"} 1',
    );
    expect(text).toContain(
      'parley_call_seconds_count{side="owner",contract="catalog.quote-price"} 1',
    );
  });

  it('counts further requests of calls, and shows circuits and limits when it is read', async () => {
    const metrics = new Metrics();
    metrics.observer.calledAgain!('catalog.quote-price', 'retry');
    metrics.observer.calledAgain!('catalog.quote-price', 'retry');
    metrics.measure({
      health: () => Promise.resolve({ intakes: [] }),
      backlog: () => Promise.resolve([]),
      callState: () => ({
        targets: [
          {
            contract: 'catalog.quote-price',
            owner: 'catalog',
            circuit: 'open',
            inFlight: 7,
            retriesLeft: 10,
          },
        ],
        limits: [{ contract: 'orders.place-order', limit: 40, inFlight: 39 }],
      }),
    });
    const text = await metrics.text();
    for (const line of [
      'parley_call_further_requests_total{contract="catalog.quote-price",why="retry"} 2',
      'parley_call_circuit_open{contract="catalog.quote-price"} 1',
      'parley_calls_in_flight{side="caller",contract="catalog.quote-price"} 7',
      'parley_calls_in_flight{side="owner",contract="orders.place-order"} 39',
      'parley_call_limit{contract="orders.place-order"} 40',
    ])
      expect(text).toContain(line);
  });

  it('counts relayed messages and missed broadcasts', async () => {
    const metrics = new Metrics();
    metrics.observer.relayed!(5);
    metrics.observer.missed!('catalog.price-changed', 2);
    const text = await metrics.text();
    expect(text).toContain('parley_messages_relayed_total 5');
    expect(text).toContain('parley_broadcasts_missed_total{contract="catalog.price-changed"} 2');
  });

  it('asks for outbox, intakes and backlog when it is read', async () => {
    const metrics = new Metrics();
    metrics.measure({
      health: () =>
        Promise.resolve({
          intakes: [{ technology: 'postgres', kind: 'command', state: 'disconnected' }],
          paused: [
            {
              kind: 'command',
              subscription: 'inventory',
              reason: 'most fails',
              since: 0,
              nextProbe: 1000,
            },
          ],
          overdue: ['1', '2'].map((id) => ({
            kind: 'command',
            contract: 'inventory.count',
            subscription: 'inventory',
            id,
            handler: 'A.b',
            age: 40_000,
            ended: true,
          })),
          outbox: { waiting: 3, oldestAge: 1500 },
        }),
      backlog: () =>
        Promise.resolve([
          { subscription: 'inventory', waiting: 9, parked: 1, delayed: 0, dead: 2 },
        ]),
      callInstances: () =>
        ['10.0.0.1:1', '10.0.0.2:1'].map((address) => ({
          owner: 'catalog',
          address,
          state: 'ejected',
          inFlight: 0,
          ejections: 1,
        })),
    });
    const text = await metrics.text();
    expect(text).toContain('parley_intake_consuming{kind="command",technology="postgres"} 0');
    expect(text).toContain('parley_subscription_paused{kind="command",subscription="inventory"} 1');
    expect(text).toContain('parley_handlings_overdue{kind="command",subscription="inventory"} 2');
    expect(text).toContain('parley_call_instances{owner="catalog",state="ejected"} 2');
    expect(text).toContain('parley_outbox_waiting 3');
    expect(text).toContain('parley_outbox_oldest_seconds 1.5');
    expect(text).toContain('parley_backlog_messages{subscription="inventory",state="dead"} 2');
  });

  it('leaves out what cannot be asked, and tells the rest', async () => {
    const metrics = new Metrics();
    metrics.observer.relayed!(5);
    metrics.measure({
      health: () => Promise.reject(new Error('database gone')),
      backlog: () => Promise.reject(new Error('broker gone')),
    });
    const text = await metrics.text();
    expect(text).toContain('parley_messages_relayed_total 5');
    expect(text).toContain('parley_outbox_waiting Nan');
  });

  it('tells of the process itself', async () => {
    expect(await new Metrics().text()).toContain('process_resident_memory_bytes');
  });
});
