import type { MessagingHealth, MessagingIntrospection } from '@parley/messaging';
import type { Backlog, CallState, DeliveryObserver, Handling } from '@parley/messaging/transport';
import { collectDefaultMetrics, Gauge, Registry, type Metric } from 'prom-client';
import { Counters, type Count, type Distribution, Histograms } from './series';

/** Read only when metrics are scraped. */
export type MeasuredMessaging = Pick<MessagingIntrospection, 'health' | 'backlog'> &
  Partial<Pick<MessagingIntrospection, 'callState' | 'callInstances'>>;

const HANDLING_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];
const MEASURING_TIMEOUT_MS = 2_000;

const OPENNESS = { closed: 0, 'half-open': 0.5, open: 1 } as const;

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

/** Everything a process tells about itself in figures, in Prometheus' text format. */
export class Metrics {
  readonly registry = new Registry();
  private readonly handled = new Counters<'kind' | 'contract' | 'subscription' | 'outcome'>(
    'parley_messages_handled_total',
    'Deliveries by what became of them',
  );
  private readonly handling = new Histograms<'kind' | 'contract' | 'subscription'>(
    'parley_message_handling_seconds',
    'Time a delivery took, its immediate retries included',
    HANDLING_SECONDS,
  );
  private readonly lag = new Histograms<'kind' | 'contract' | 'subscription'>(
    'parley_message_lag_seconds',
    'Time from when a message was sent to the end of its handling',
    LAG_SECONDS,
  );
  private readonly redelivered = new Counters<'kind' | 'contract' | 'subscription'>(
    'parley_message_redeliveries_total',
    'Handlings beyond the first of a message, immediate and delayed',
  );
  private readonly died = new Counters<'kind' | 'contract' | 'subscription'>(
    'parley_dead_letters_total',
    'Messages that became dead letters',
  );
  private readonly calls = new Counters<'side' | 'contract' | 'outcome'>(
    'parley_calls_total',
    'Calls by side (caller, owner) and outcome',
  );
  private readonly calling = new Histograms<'side' | 'contract'>(
    'parley_call_seconds',
    'Time a call took',
    HANDLING_SECONDS,
  );
  private readonly calledAgain = new Counters<'contract' | 'why'>(
    'parley_call_further_requests_total',
    'Requests of calls that were sent once more: retry, hedge',
  );
  private readonly relayed = new Counters<never>(
    'parley_messages_relayed_total',
    'Messages the outbox handed to a technology',
  );
  private readonly missed = new Counters<'contract'>(
    'parley_broadcasts_missed_total',
    'Broadcasts of other instances that never arrived here',
  );

  private readonly handlings = new Map<string, Map<string, HandlingSeries>>();
  private readonly sides = {
    caller: new Map<string, CallSeries>(),
    owner: new Map<string, CallSeries>(),
  };
  private readonly again = { retry: new Map<string, Count>(), hedge: new Map<string, Count>() };
  private readonly missing = new Map<string, Count>();
  private readonly relay = this.relayed.of({});

  constructor() {
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
    ];
    for (const one of series) this.registry.registerMetric(one as unknown as Metric);
    collectDefaultMetrics({ register: this.registry });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  async text(): Promise<string> {
    await this.refresh();
    return this.registry.metrics();
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
    relayed: (messages) => void (this.relay.value += messages),
    missed: (contract, messages) => {
      let count = this.missing.get(contract);
      if (!count) this.missing.set(contract, (count = this.missed.of({ contract })));
      count.value += messages;
    },
  };

  /** Adds the gauges that are read from messaging: its consumers, outbox and backlog. */
  measure(messaging: MeasuredMessaging): void {
    const intakes = this.gauge(
      'parley_intake_consuming',
      'Whether an intake takes messages (1) or not (0)',
      ['kind', 'technology'],
    );
    const paused = this.gauge(
      'parley_subscription_paused',
      'Whether a subscription waits because most of its handlings failed; absent when not',
      ['kind', 'subscription'],
    );
    const overdue = this.gauge(
      'parley_handlings_overdue',
      'Handlings over their timeout and still running; absent when none',
      ['kind', 'subscription'],
    );
    const outbox = this.gauge('parley_outbox_waiting', 'Messages in the outbox, not yet relayed');
    const oldest = this.gauge(
      'parley_outbox_oldest_seconds',
      'How long the oldest due message in the outbox waits',
    );
    const backlog = this.gauge(
      'parley_backlog_messages',
      'Messages of a subscription by what they wait for: waiting, parked, delayed, dead',
      ['subscription', 'state'],
    );
    const calls = this.callGauges();
    const instances = this.gauge(
      'parley_call_instances',
      'Instances of an owner that is called, by state: in use, left out, ejected',
      ['owner', 'state'],
    );
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
    const circuits = this.gauge(
      'parley_call_circuit_open',
      'Whether calls are refused because nearly all failed: 1 open, 0.5 half-open, 0 closed',
      ['contract'],
    );
    const inFlight = this.gauge(
      'parley_calls_in_flight',
      'Calls under way by side (caller, owner)',
      ['side', 'contract'],
    );
    const limits = this.gauge(
      'parley_call_limit',
      'Calls of a contract that this process answers at the same time at most',
      ['contract'],
    );
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

  private refresh: () => Promise<void> = () => Promise.resolve();

  private gauge<L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge<L>({ name, help, labelNames, registers: [this.registry] });
  }

  private countHandling(handling: Handling): void {
    const series = this.seriesOf(handling);
    outcome(series.outcomes, handling.outcome, () =>
      this.handled.of({ ...labelsOf(handling), outcome: handling.outcome }),
    ).value += 1;
    series.duration.observe(handling.milliseconds / 1000);
    series.lag.observe(Math.max(0, handling.age) / 1000); // clocks differ between machines
    series.redeliveries.value += Math.max(0, handling.tries - (handling.attempt > 1 ? 0 : 1));
    if (handling.outcome === 'dead') series.deadLetters.value += 1;
  }

  private countCall(
    side: 'caller' | 'owner',
    {
      contract,
      outcome: result,
      milliseconds,
    }: { contract: string; outcome: string; milliseconds: number },
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
    series.duration.observe(milliseconds / 1000);
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
