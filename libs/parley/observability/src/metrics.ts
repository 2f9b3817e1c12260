import {
  currentConversation,
  type MessagingHealth,
  type MessagingIntrospection,
} from '@parley/messaging';
import {
  type Backlog,
  callPathOf,
  type CallState,
  type DeliveryObserver,
  type Handling,
  readTraceparent,
  type Sending,
} from '@parley/messaging/transport';
import {
  collectDefaultMetrics,
  Gauge,
  type OpenMetricsContentType,
  Registry,
  type Metric,
} from 'prom-client';
import { systemOf } from './conventions';
import { Counters, type Count, type Distribution, Histograms, type Sample, View } from './series';
import { type LabelOf, SERIES, type SeriesOf } from './series-table';

/** Read only when metrics are scraped. */
export type MeasuredMessaging = Pick<MessagingIntrospection, 'health' | 'backlog'> &
  Partial<Pick<MessagingIntrospection, 'callState' | 'callInstances' | 'routeInfo'>>;

const MEASURING_TIMEOUT_MS = 2_000;

const OPENNESS = { closed: 0, 'half-open': 0.5, open: 1 } as const;

type Kind = Handling['kind'] | 'call';

interface HandlingSeries {
  readonly outcomes: Map<Handling['outcome'], Count>;
  readonly duration: Distribution;
  readonly lag: Distribution;
  readonly redeliveries: Count;
  readonly deadLetters: Count;
}

interface CallSeries {
  readonly outcomes: Map<string, Count>;
  readonly duration: Distribution;
}

const countersOf = <N extends SeriesOf<'counter'>>(name: N) =>
  new Counters<LabelOf<N>>(name, SERIES[name].help);
const histogramsOf = <N extends SeriesOf<'histogram'>>(name: N) =>
  new Histograms<LabelOf<N>>(name, SERIES[name].help, SERIES[name].buckets);
type Shown = ConstructorParameters<typeof View>;
const viewOf = (
  name: SeriesOf<'counter' | 'histogram'>,
  source: Shown[2],
  labelsOf: Shown[3],
): View => new View(name, SERIES[name].help, source, labelsOf);

/** Everything a process tells about itself in figures, in Prometheus' text format. */
export class Metrics {
  readonly registry = new Registry();
  private readonly handled = countersOf('parley_messages_handled_total');
  private readonly handling = histogramsOf('parley_message_handling_seconds');
  private readonly lag = histogramsOf('parley_message_lag_seconds');
  private readonly redelivered = countersOf('parley_message_redeliveries_total');
  private readonly died = countersOf('parley_dead_letters_total');
  private readonly calls = countersOf('parley_calls_total');
  private readonly calling = histogramsOf('parley_call_seconds');
  private readonly calledAgain = countersOf('parley_call_further_requests_total');
  private readonly relayed = countersOf('parley_messages_relayed_total');
  private readonly missed = countersOf('parley_broadcasts_missed_total');

  // Labels by name alone: `error_type` is there only after a failure.
  private readonly sent: Counters<string> = countersOf('messaging_client_sent_messages_total');
  private readonly sending: Histograms<string> = histogramsOf(
    'messaging_client_operation_duration_seconds',
  );
  private readonly sentCounts = new Map<string, Count>();
  private readonly sendingDurations = new Map<string, Distribution>();

  private readonly handlings = new Map<string, Map<string, HandlingSeries>>();
  private readonly sides = {
    caller: new Map<string, CallSeries>(),
    owner: new Map<string, CallSeries>(),
  };
  private readonly again = { retry: new Map<string, Count>(), hedge: new Map<string, Count>() };
  private readonly missing = new Map<string, Count>();
  private readonly relay = this.relayed.of({});

  /** True: traces are exported, and some are examples of these figures. */
  private readonly hasTraces: boolean;

  constructor({ hasTraces = false }: { readonly hasTraces?: boolean } = {}) {
    this.hasTraces = hasTraces;
    const series = [
      this.handled,
      this.handling,
      this.lag,
      this.redelivered,
      this.died,
      this.calls,
      this.calling,
      this.calledAgain,
      this.relayed,
      this.missed,
      this.sent,
      this.sending,
      ...this.views(),
    ];
    for (const one of series) this.registry.registerMetric(one as unknown as Metric);
    collectDefaultMetrics({ register: this.registry });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async text(): Promise<string> {
    return (await this.answer()).body;
  }

  /** Prometheus' text or, where `accept` asks for it, that of OpenMetrics, which has exemplars. */
  async answer(accept = ''): Promise<{ readonly body: string; readonly type: string }> {
    await this.refresh();
    if (!accept.includes('application/openmetrics-text'))
      return { body: await this.registry.metrics(), type: this.registry.contentType };
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    // prom-client changes the names of counters for good: it gets copies.
    for (const metric of this.registry.getMetricsAsArray() as unknown as readonly Snapshot[]) {
      const snapshot = await metric.get();
      const name =
        snapshot.type === 'counter' ? snapshot.name.replace(/_total$/, '') : snapshot.name;
      open.registerMetric({ ...snapshot, name, get: async () => ({ ...snapshot, name }) } as never);
    }
    return { body: await open.metrics(), type: open.contentType };
  }

  /** Hand this to messaging. */
  readonly observer: DeliveryObserver = {
    handled: (handling) => this.countHandling(handling),
    called: (call) => this.countCall('caller', call),
    calledAgain: (contract, why) =>
      void (outcome(this.again[why], contract, () =>
        this.calledAgain.of({ contract, why }),
      ).value += 1),
    answered: (call) => this.countCall('owner', call),
    sent: (sending) => this.countSending(sending),
    relayed: (messages) => void (this.relay.value += messages),
    missed: (contract, messages) => {
      let count = this.missing.get(contract);
      if (!count) this.missing.set(contract, (count = this.missed.of({ contract })));
      count.value += messages;
    },
  };

  /** Adds the gauges that are read from messaging: its consumers, outbox and backlog. */
  measure(messaging: MeasuredMessaging): void {
    const intakes = this.gauge('parley_intake_consuming');
    const paused = this.gauge('parley_subscription_paused');
    const overdue = this.gauge('parley_handlings_overdue');
    const outbox = this.gauge('parley_outbox_waiting');
    const oldest = this.gauge('parley_outbox_oldest_seconds');
    const backlog = this.gauge('parley_backlog_messages');
    const calls = this.callGauges();
    const instances = this.gauge('parley_call_instances');
    this.routes = () => messaging.routeInfo?.() ?? {};
    this.refresh = async () => {
      calls(messaging.callState?.());
      const [health, backlogs] = await Promise.all([
        soon<MessagingHealth>(messaging.health()),
        soon<readonly Backlog[]>(messaging.backlog()),
      ]);
      // Figures that could not be read are absent or NaN: a stale one, or a zero, would be wrong.
      for (const gauge of [intakes, paused, overdue, outbox, oldest, backlog, instances])
        gauge.reset();
      for (const { owner = '', state } of messaging.callInstances?.() ?? [])
        instances.inc({ owner, state });
      for (const { kind, technology, state } of health?.intakes ?? [])
        intakes.set({ kind, technology }, state === 'consuming' ? 1 : 0);
      for (const { kind, subscription } of health?.paused ?? [])
        paused.set({ kind, subscription }, 1);
      for (const { kind, contract, subscription = contract } of health?.overdue ?? [])
        overdue.inc({ kind, subscription });
      outbox.set(health?.outbox?.waiting ?? NaN);
      oldest.set((health?.outbox?.oldestAge ?? NaN) / 1000);
      for (const { subscription, ...states } of backlogs ?? []) {
        for (const [state, value] of Object.entries(states))
          backlog.set({ subscription, state }, value);
      }
    };
  }

  /** The gauges of calls, and how they are set. */
  private callGauges(): (state: CallState | undefined) => void {
    const circuits = this.gauge('parley_call_circuit_open');
    const inFlight = this.gauge('parley_calls_in_flight');
    const limits = this.gauge('parley_call_limit');
    return (state) => {
      for (const { contract, circuit, inFlight: count } of state?.targets ?? []) {
        circuits.set({ contract }, OPENNESS[circuit]);
        inFlight.set({ side: 'caller', contract }, count);
      }
      for (const { contract, limit, inFlight: count } of state?.limits ?? []) {
        limits.set({ contract }, limit);
        inFlight.set({ side: 'owner', contract }, count);
      }
    };
  }

  /** The figures of handlings and calls under the names of OpenTelemetry's conventions. */
  private views(): readonly View[] {
    const handled = (labels: Sample['labels']) => ({
      messaging_operation_name: 'process',
      messaging_system: systemOf(this.routes()[labels['kind'] as Kind]?.technology),
      messaging_destination_name: labels['contract']!,
      messaging_consumer_group_name: labels['subscription']!,
    });
    const failed = ({ outcome: error }: Sample['labels']) =>
      FAILED.has(String(error)) && { error_type: error! };
    const calls = (side: string) => (labels: Sample['labels']) =>
      labels['side'] === side
        ? {
            rpc_system_name: this.routes().call?.technology ?? 'unknown',
            rpc_method: methodOf(String(labels['contract'])),
          }
        : undefined;
    return [
      viewOf('messaging_process_duration_seconds', this.handling, handled),
      viewOf('messaging_client_consumed_messages_total', this.handled, (labels) => ({
        ...handled(labels),
        ...failed(labels),
      })),
      viewOf('rpc_client_call_duration_seconds', this.calling, calls('caller')),
      viewOf('rpc_server_call_duration_seconds', this.calling, calls('owner')),
    ];
  }

  private countSending({ technology, messages, milliseconds, error }: Sending): void {
    const id = error === undefined ? technology : `${technology} ${error}`;
    const labels = () => ({
      messaging_operation_name: 'send',
      messaging_system: systemOf(technology),
      ...(error !== undefined && { error_type: error }),
    });
    for (const { contract } of messages)
      outcome(this.sentCounts, `${id} ${contract.name}`, () =>
        this.sent.of({ ...labels(), messaging_destination_name: contract.name }),
      ).value += 1;
    let duration = this.sendingDurations.get(id);
    if (!duration) this.sendingDurations.set(id, (duration = this.sending.of(labels())));
    duration.observe(milliseconds / 1000);
  }

  /** The trace that is an example, if it is exported. */
  private exampleOf(traceparent: string | undefined): string | undefined {
    const hop = this.hasTraces ? readTraceparent(traceparent) : undefined;
    return hop && hop.traceFlags & SAMPLED ? hop.traceId : undefined;
  }

  private routes: () => Partial<Record<Kind, { readonly technology: string }>> = () => ({});
  private refresh: () => Promise<void> = () => Promise.resolve();

  private gauge<N extends SeriesOf<'gauge'>>(name: N): Gauge<LabelOf<N>> {
    const { help, labels } = SERIES[name];
    return new Gauge<LabelOf<N>>({
      name,
      help,
      labelNames: labels as readonly LabelOf<N>[],
      registers: [this.registry],
    });
  }

  private countHandling(handling: Handling): void {
    const series = this.seriesOf(handling);
    outcome(series.outcomes, handling.outcome, () =>
      this.handled.of({ ...labelsOf(handling), outcome: handling.outcome }),
    ).value += 1;
    const example = this.exampleOf(handling.envelope?.traceparent);
    series.duration.observe(handling.milliseconds / 1000, example);
    series.lag.observe(Math.max(0, handling.age) / 1000, example); // clocks differ between machines
    series.redeliveries.value += Math.max(0, handling.tries - (handling.attempt > 1 ? 0 : 1));
    if (handling.outcome === 'dead') series.deadLetters.value += 1;
  }

  private countCall(
    side: 'caller' | 'owner',
    {
      contract,
      outcome: result,
      milliseconds,
      envelope,
    }: {
      contract: string;
      outcome: string;
      milliseconds: number;
      envelope?: { readonly traceparent: string };
    },
  ): void {
    let series = this.sides[side].get(contract);
    if (!series)
      this.sides[side].set(
        contract,
        (series = { outcomes: new Map(), duration: this.calling.of({ side, contract }) }),
      );
    outcome(series.outcomes, result, () =>
      this.calls.of({ side, contract, outcome: result }),
    ).value += 1;
    const hop = envelope ?? (this.hasTraces ? currentConversation() : undefined);
    series.duration.observe(milliseconds / 1000, this.exampleOf(hop?.traceparent));
  }

  private seriesOf(handling: Handling): HandlingSeries {
    let subscriptions = this.handlings.get(handling.contract);
    if (!subscriptions) this.handlings.set(handling.contract, (subscriptions = new Map()));
    let series = subscriptions.get(handling.subscription);
    if (!series) subscriptions.set(handling.subscription, (series = this.newSeries(handling)));
    return series;
  }

  private newSeries(handling: Handling): HandlingSeries {
    const labels = labelsOf(handling);
    return {
      outcomes: new Map(),
      duration: this.handling.of(labels),
      lag: this.lag.of(labels),
      redeliveries: this.redelivered.of(labels),
      deadLetters: this.died.of(labels),
    };
  }
}

const methodOf = (contract: string): string =>
  contract === 'unknown' ? '_OTHER' : callPathOf({ name: contract }).slice(1);
const FAILED: ReadonlySet<string> = new Set<Handling['outcome']>(['retry', 'dead']);
/** The flag of W3C Trace Context. */
const SAMPLED = 1;

/** A metric as prom-client reads it. */
interface Snapshot {
  get(): Promise<{ readonly name: string; readonly type: string }>;
}

const labelsOf = ({ kind, contract, subscription }: Handling) => ({ kind, contract, subscription });

function outcome<K>(outcomes: Map<K, Count>, key: K, create: () => Count): Count {
  let count = outcomes.get(key);
  if (!count) outcomes.set(key, (count = create()));
  return count;
}

/** A database or broker that does not answer must not take the other figures with it. */
async function soon<T>(asked: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const nothing = new Promise<undefined>(
    (resolve) => (timer = setTimeout(() => resolve(undefined), MEASURING_TIMEOUT_MS)),
  );
  return Promise.race([asked.catch(() => undefined), nothing]).finally(() => clearTimeout(timer));
}
