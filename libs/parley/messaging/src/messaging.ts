import type { INestApplication } from '@nestjs/common';
import {
  contractsLoaded,
  milliseconds,
  type Contract,
  type Duration,
  type Kind,
} from '@parley/contract';
import { CallHandler } from './calls/call-handler';
import { claimsAt, keysAt } from './payload/side-stores';
import { PayloadProcessor } from './payload/payload-processor';
import { CallClient } from './calls/call-client';
import type { CallServer, CallTransport } from './ports/call-transport';
import { systemClock, type Clock } from './clock';
import { Envelopes } from './message/envelope';
import { showErrorsToFilters } from './handlers/exception-filters';
import {
  handlerInfo,
  sayingHop,
  withoutCredentials,
  type HandlerInfo,
  type RouteInfo,
  type RouteExplanation,
} from './introspection/explain';
import type { FailpointHook } from './ports/failpoints';
import { HandlerError, HandlerRegistry } from './handlers/handler-registry';
import { InFlight } from './in-flight';
import {
  durabilityReports,
  topologyReports,
  type DurabilityReport,
  type TopologyReport,
} from './introspection/topology-report';
import { type HandlerRun, HandlerRuns, type Overdue, type RunFacts } from './delivery/handler-runs';
import { SubjectKeyCache } from './payload/subject-key-cache';
import type { CircuitBreakerOptions } from './delivery/circuit-breaker';
import { CircuitBreakers, type Paused } from './delivery/circuit-breakers';
import { warnOfMessagesLeftBehind } from './introspection/left-behind';
import { Messenger } from './sending/messenger';
import { outageIn, type OutageError, type OutageReader } from './ports/outage';
import type { DeliveryObserver } from './ports/observer';
import { Pipeline } from './delivery/pipeline';
import { Publisher } from './sending/publisher';
import { FilteredSubscriptions } from './handlers/filtered-subscriptions';
import { IdempotentCalls } from './calls/idempotent-calls';
import { OutboxRelay } from './sending/outbox-relay';
import { Routes, STORED_KINDS, type Urls } from './sending/routes';
import type { LaneRunner, Store } from './ports/store';
import { isEncrypted } from './payload/field-encryption';
import { NoSubjectKeysError } from './ports/subject-keys';
import type { Consumer, Technology, Transport, TransportContext } from './ports/transport';
import type { Backlog, ConsumerHealth } from './ports/health';
import { Transactions } from './sending/transactions';
import { UnroutedConsumer } from './handlers/unrouted-consumer';
import type { RegisteredSubscription } from './ports/subscription';

export interface MessagingOptions {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  readonly urls: Urls;
  /** Where this service answers calls. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Every technology this process may use. */
  readonly technologies: readonly Technology[];
  /** Commands and events need one, or the start is refused. */
  readonly store?: Store;
  /**
   * Where the keys of those are kept whom messages are about: a URL. Default: the store. All
   * services of an installation need the same.
   */
  readonly keys?: string;
  /**
   * Where bodies wait that are too large for their technology: a URL. Default: the store; false:
   * nowhere, they are refused. Whoever says and handles them needs the same.
   */
  readonly claims?: string | false;
  /** Whether queues, topics and the like are made at start, or only checked. Default 'create'. */
  readonly topology?: TransportContext['topology'];
  /** Messages of one subscription handled at the same time. Default 10. */
  readonly concurrency?: number;
  /**
   * How long a handler may go on after its timeout, at which its signal is aborted, before it is
   * ended. Default 5 s.
   */
  readonly handlerGrace?: Duration;
  /**
   * What becomes of commands of this service for which it has no handler. 'keep' (default): they
   * are dead letters. 'leave': they wait for another process of the same service that handles them.
   */
  readonly unhandled?: 'keep' | 'leave';
  /** When a subscription most of whose handlings fail is paused; false: never. */
  readonly circuitBreaker?: Partial<CircuitBreakerOptions> | false;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly observer?: DeliveryObserver;
  readonly log: TransportContext['log'];
  /** Told of each step of a message's way: for trials that end the process there. */
  readonly passes?: FailpointHook;
}

export interface MessagingHealth {
  readonly intakes: readonly ConsumerHealth[];
  /** Subscriptions that wait because most of their handlings failed. */
  readonly paused?: readonly Paused[];
  /**
   * Handlers over their timeout and still running, also those that were ended; the oldest first.
   */
  readonly overdue?: readonly Overdue[];
  readonly outbox?: {
    readonly waiting: number;
    /** Milliseconds. */
    readonly oldestAge: number;
    /** Why messages wait, where this instance relays. */
    readonly reasons?: readonly string[];
  };
}

/** What a service does of its own accord, beside handling messages: a saga's timeouts. */
export interface Worker {
  start(): Promise<void>;
  /** Takes up nothing new; resolves when what it was doing is done. */
  stop(): Promise<void>;
}

/** The conversation of one process: what it says, what it handles, and how both begin and end. */
export class Messaging {
  readonly service: string;
  readonly instance: string;
  readonly registry: HandlerRegistry;
  readonly transactions: Transactions;
  readonly messenger: Messenger;
  readonly store?: Store;
  readonly clock: Clock;
  readonly log: TransportContext['log'];
  readonly passes?: FailpointHook;
  private readonly inFlight = new InFlight();
  private readonly runs: HandlerRuns;
  private readonly circuitBreakers: CircuitBreakers;
  private readonly routes: Routes;
  /** The keys of those whom messages are about. */
  readonly keyRing?: SubjectKeyCache;
  readonly bodies: PayloadProcessor;
  private readonly publisher: Publisher;
  private readonly calls?: CallTransport;
  private readonly pipeline: Pipeline;
  private readonly answerer: CallHandler;
  private readonly relay?: OutboxRelay;
  private lanes?: LaneRunner;
  private readonly workers: Worker[] = [];
  private readonly intakes: {
    readonly kind: Kind;
    readonly handlers: HandlerRegistry;
    readonly intake: Consumer;
  }[] = [];
  private callServer?: CallServer;

  constructor(private readonly options: MessagingOptions) {
    const {
      service,
      store,
      observer,
      clock = systemClock,
      random = Math.random,
      log,
      passes,
    } = options;
    const process = { instance: options.instance, clock, log, observer, random, passes };
    const envelopes = new Envelopes(options, clock);
    this.service = service;
    this.instance = options.instance;
    this.store = store;
    this.clock = clock;
    this.log = log;
    this.passes = passes;
    this.registry = new HandlerRegistry(service, options.concurrency);
    this.routes = new Routes(options.urls, options.technologies, this.transportContext());
    const keys = keysAt(options.keys, options.technologies, this.transportContext());
    this.keyRing = keys && new SubjectKeyCache(keys, clock);
    this.bodies = new PayloadProcessor(
      this.keyRing,
      claimsAt(options.claims, options.technologies, this.transportContext()),
    );
    this.publisher = new Publisher(this.routes, store, this.bodies);
    this.transactions = new Transactions(store, this.publisher, passes);
    this.calls = options.urls.calls && this.routes.calls(options.urls.calls, options.listen);
    this.messenger = new Messenger(
      service,
      envelopes,
      this.transactions,
      this.publisher,
      new CallClient(this.calls, envelopes, observer),
    );
    this.circuitBreakers = new CircuitBreakers(options.circuitBreaker, clock, log);
    this.runs = new HandlerRuns(
      clock,
      log,
      options.handlerGrace === undefined ? undefined : milliseconds(options.handlerGrace),
    );
    this.pipeline = new Pipeline(
      this.transactions,
      store,
      this.inFlight,
      this.runs,
      this.circuitBreakers,
      this.bodies,
      process,
    );
    this.answerer = new CallHandler(
      this.registry,
      this.inFlight,
      this.runs,
      process,
      this.transactions,
      store?.idempotency && new IdempotentCalls(this.transactions, store.idempotency),
      this.outageReaders(),
    );
    this.relay = store && new OutboxRelay(store, this.publisher, { service, ...process });
  }

  /** Binds the handlers of the app's controllers, each to the strategy of its kind. */
  attach(app: INestApplication): void {
    showErrorsToFilters(app);
    for (const kind of STORED_KINDS) this.attachKind(app, kind);
    if (this.options.listen)
      this.callServer = this.calls?.server(this.registry, this.answerer.answer);
    app.connectMicroservice(
      { strategy: this.callServer ?? new UnroutedConsumer('call', this.registry) },
      { inheritAppConfig: true },
    );
    this.keepUnhandled();
  }

  /** Opens the store and the technologies: from now on the service can say things. */
  async start(): Promise<void> {
    this.refuseWithoutStore();
    this.refuseWithoutKeys();
    await this.store?.connect();
    await Promise.all([
      this.bodies.connect(this.store),
      ...this.routes.all().map((transport) => transport.connect()),
    ]);
    await this.publisher.connect();
    await warnOfMessagesLeftBehind(this.store, this.routes, this.registry, this.log);
    this.relay?.start();
  }

  /** After `app.init()`, for handlers need all of the app: takes what comes. */
  async listen(app: INestApplication): Promise<void> {
    await app.startAllMicroservices();
    const parkable = this.registry
      .subscriptions()
      .filter((subscription) => this.parksInStore(subscription));
    this.lanes =
      parkable.length > 0 ? this.store?.lanes.deliver(parkable, this.pipeline.deliver) : undefined;
    await Promise.all([this.lanes, ...this.workers].map((worker) => worker?.start()));
  }

  /** Begins with the intakes and ends with them. */
  alongside(worker: Worker): void {
    this.workers.push(worker);
  }

  /**
   * Does a worker's `work` as a handler is run: it ends at its timeout plus the grace, whether it
   * settles or not, and is told of while it is overdue. Transactions that are given the run end
   * with it.
   * @throws HandlerTimeoutError
   */
  bounded<T>(facts: RunFacts, work: (run: HandlerRun) => Promise<T>): Promise<T> {
    return this.runs.bounded(facts, work);
  }

  async health(): Promise<MessagingHealth> {
    return { ...this.intakeHealth(), outbox: await this.outboxHealth() };
  }

  /** What messages and calls are taken right now. Asks nobody. */
  intakeHealth(): Pick<MessagingHealth, 'intakes' | 'paused' | 'overdue'> {
    const paused = this.circuitBreakers.paused();
    const overdue = this.runs.overdue();
    const used = this.intakes
      .filter(({ kind, handlers }) => handlers.subscriptions(kind).length > 0)
      .map(({ intake }) => withPause(intake.health(), paused));
    const calls =
      this.callServer && this.registry.allCalls().length > 0 ? [this.callServer.health()] : [];
    const intakes = [...calls, ...used].map((health) => withOverdue(health, overdue));
    return { intakes, paused, overdue };
  }

  /** What waits to be relayed; undefined without a store. Asks the store. */
  async outboxHealth(): Promise<MessagingHealth['outbox']> {
    const outbox = await this.store?.outbox.state();
    return outbox && { ...outbox, reasons: this.relay!.reasons() };
  }

  async backlog(): Promise<readonly Backlog[]> {
    const [incoming, kept, unsent] = await Promise.all([
      Promise.all(this.intakes.map(({ intake }) => intake.backlog?.() ?? [])),
      this.lanes?.backlog() ?? [],
      this.relay?.backlog() ?? [],
    ]);
    const inStore = new Map(kept.map((backlog) => [backlog.subscription, backlog]));
    return [
      ...together(incoming.flat()).map((backlog) =>
        withKept(backlog, inStore.get(backlog.subscription)),
      ),
      ...unsent,
    ];
  }

  /** How this service carries each kind. */
  routeInfo(): Readonly<Partial<Record<Kind, RouteInfo>>> {
    const calls = this.calls && {
      technology: this.calls.technology,
      address: withoutCredentials(this.options.urls.calls!('{owner}')),
    };
    const stored = STORED_KINDS.flatMap((kind) => {
      const transport = this.routes.ofKind(kind);
      return transport ? [[kind, infoOf(transport)] as const] : [];
    });
    return { ...(calls && { call: calls }), ...Object.fromEntries(stored) };
  }

  /** Everything that is handled here, and how. */
  handlerInfo(): readonly HandlerInfo[] {
    const handled = this.registry
      .subscriptions()
      .flatMap((subscription) =>
        [...subscription.handlers.values()]
          .filter(({ missing }) => !missing)
          .map((handler) => handlerInfo(handler, subscription)),
      );
    return [...this.registry.allCalls().map((handler) => handlerInfo(handler)), ...handled];
  }

  /** How this service would say a contract; undefined: nothing here carries its kind. */
  explain(contract: Contract): RouteExplanation | undefined {
    const { kind, owner } = contract;
    if (kind === 'call') return this.calls && this.explainCall(this.calls.technology, owner);
    const transport = this.routes.of(contract);
    if (!transport) return undefined;
    const how = { local: this.publisher.joins(transport), stored: this.store !== undefined };
    return {
      ...infoOf(transport),
      largest: transport.maxBodyBytes,
      hops: [sayingHop(kind, transport.technology, how), ...(transport.describe?.(contract) ?? [])],
    };
  }

  /**
   * How many messages of a subscription this instance handles at the same time, at once and until
   * it ends; says how many it were before. Lowered, what runs is finished.
   */
  setConcurrency(subscription: string, concurrency: number): number {
    return this.registry.setConcurrency(subscription, concurrency);
  }

  /** What must exist at the technologies for what this service says and handles. */
  topology(): readonly TopologyReport[] {
    return topologyReports(this.options.service, this.routes, this.registry);
  }

  /** Whether what the technologies confirmed would survive their crash. */
  examine(): Promise<readonly DurabilityReport[]> {
    return durabilityReports(this.routes);
  }

  /**
   * The outage that an error tells of, if any: also where the error is one of a database's or
   * broker's client.
   */
  outageIn(error: unknown): OutageError | undefined {
    return outageIn(error, this.outageReaders());
  }

  /** Takes nothing new; what is being handled goes on. */
  async stopIntake(): Promise<void> {
    this.circuitBreakers.stop();
    await Promise.all([
      ...this.intakes.map(({ intake }) => intake.stop()),
      this.callServer?.stop(),
      this.lanes?.stop(),
      ...this.workers.map((worker) => worker.stop()),
    ]);
  }

  /**
   * Whether everything under way ended within `milliseconds`; what did not is told to give up and
   * given back.
   */
  drained(milliseconds: number): Promise<boolean> {
    return this.inFlight.drained(milliseconds);
  }

  /** Relays what is in the outbox, as far as `milliseconds` reach. */
  async flush(milliseconds: number): Promise<void> {
    await this.relay?.stop(milliseconds);
  }

  /** After the intakes were closed: the technologies, then the store. */
  async close(): Promise<void> {
    this.runs.stop();
    await Promise.all(this.routes.all().map((transport) => transport.close()));
    await this.calls?.close();
    await this.bodies.close();
    await this.store?.close();
  }

  private explainCall(technology: string, owner: string): RouteExplanation {
    const address = withoutCredentials(this.options.urls.calls!(owner));
    const hop = {
      what: 'instances',
      name: address,
      why: `round robin over the instances of ${owner} that are up`,
    };
    return {
      technology,
      address,
      hops: [sayingHop('call', technology, { local: false, stored: false }), hop],
    };
  }

  /**
   * Nest offers the handlers of a kind to every strategy of it: where several technologies carry
   * the kind, each takes its own.
   */
  private attachKind(app: INestApplication, kind: (typeof STORED_KINDS)[number]): void {
    const transports = this.routes.carrying(kind);
    const handlersOf = (transport: Transport) =>
      transports.length === 1 && this.routes.ofKind(kind)
        ? this.registry
        : new FilteredSubscriptions(
            this.registry,
            (contract) => this.routes.of(contract) === transport,
          );
    for (const transport of transports) {
      const handlers = handlersOf(transport);
      this.bind(app, kind, handlers, transport.consumer(kind, handlers, this.pipeline.deliver));
    }
    if (this.routes.ofKind(kind)) return;
    const none = new FilteredSubscriptions(this.registry, () => false);
    this.bind(
      app,
      kind,
      none,
      new UnroutedConsumer(kind, none, (contract) => this.routes.of(contract) !== undefined),
    );
  }

  private bind(
    app: INestApplication,
    kind: Kind,
    handlers: HandlerRegistry,
    intake: Consumer,
  ): void {
    this.intakes.push({ kind, handlers, intake });
    app.connectMicroservice({ strategy: intake }, { inheritAppConfig: true });
  }

  private transportContext(): TransportContext {
    const { service, instance, clock = systemClock, store, topology, log, passes } = this.options;
    return { service, instance, clock, store, topology, log, passes };
  }

  private outageReaders(): readonly OutageReader[] {
    return [this.store, ...this.routes.all()].flatMap((part) => part?.outage ?? []);
  }

  /**
   * What others send to a command's owner must not wait for ever, unseen, because the owner forgot
   * to handle it.
   */
  private keepUnhandled(): void {
    const { service, unhandled = 'keep' } = this.options;
    const own = contractsLoaded().filter(
      ({ kind, owner }) => kind === 'command' && owner === service,
    );
    const missing = own.filter((contract) => !this.registry.handles(contract));
    if (missing.length === 0 || unhandled === 'leave') return;
    const names = missing.map(({ name }) => name).join(', ');
    const kept = this.store
      ? 'what is sent is kept as a dead letter'
      : 'without a store what is sent waits in its queue';
    this.log(
      'warn',
      `nothing here handles ${names}, although ${service} is the owner: ${kept}; write @Handles(…), or delete the contract`,
    );
    if (this.store)
      this.registry.keepUnhandled(
        missing.filter((contract) => this.routes.of(contract) !== undefined),
      );
  }

  private parksInStore({ kind, live }: RegisteredSubscription): boolean {
    return kind === 'event'
      ? !live
      : kind === 'command' &&
          this.routes.carrying('command').some(({ keepsLanes }) => keepsLanes !== true);
  }

  private refuseWithoutKeys(): void {
    const handled = this.registry.subscriptions().flatMap(({ handlers }) => [...handlers.values()]);
    const sealed = handled.find(({ contract, missing }) => isEncrypted(contract) && !missing);
    if (sealed && !this.keyRing) throw new NoSubjectKeysError(sealed.contract.name);
  }

  private refuseWithoutStore(): void {
    if (this.store) return;
    const needy = this.registry
      .subscriptions()
      .find(({ kind, live }) => kind !== 'broadcast' && !live);
    if (needy)
      throw new HandlerError(
        `${needy.name} handles ${needy.kind}s, which takes a store; give MessagingModule one, or make it a live tail`,
      );
  }
}

/** An intake says itself whether its technology works; that its handlers do not, is known here. */
function withPause(health: ConsumerHealth, paused: readonly Paused[]): ConsumerHealth {
  const own = paused.filter(({ kind }) => kind === health.kind);
  if (health.state !== 'consuming' || own.length === 0) return health;
  return {
    ...health,
    state: 'paused',
    reason: own.map(({ subscription, reason }) => `${subscription}: ${reason}`).join('; '),
  };
}

/** Others are handled; but the slot, or the code, of these is lost until it is looked into. */
function withOverdue(health: ConsumerHealth, overdue: readonly Overdue[]): ConsumerHealth {
  const [oldest, ...others] = overdue.filter(({ kind }) => kind === health.kind);
  if (!oldest) return health;
  const { contract, id, age } = oldest;
  const reason = `${others.length + 1} over their timeout and still running, the oldest for ${Math.round(age / 1_000)} s: ${contract} ${id}`;
  return {
    ...health,
    reason: health.reason === undefined ? reason : `${health.reason}; ${reason}`,
  };
}

/** Two technologies may carry parts of one subscription. */
function together(backlogs: readonly Backlog[]): readonly Backlog[] {
  const sums = new Map<string, Backlog>();
  for (const one of backlogs) {
    const { waiting, parked, delayed, dead } = sums.get(one.subscription) ?? {
      waiting: 0,
      parked: 0,
      delayed: 0,
      dead: 0,
    };
    sums.set(one.subscription, {
      ...one,
      waiting: waiting + one.waiting,
      parked: parked + one.parked,
      delayed: delayed + one.delayed,
      dead: dead + one.dead,
    });
  }
  return [...sums.values()];
}

/** What waits in the technology and what the service's own store keeps of it. */
function withKept(backlog: Backlog, kept: Backlog | undefined): Backlog {
  if (!kept) return backlog;
  return {
    ...backlog,
    parked: backlog.parked + kept.parked + kept.waiting,
    delayed: backlog.delayed + kept.delayed,
    dead: backlog.dead + kept.dead,
  };
}

const infoOf = ({ technology, address }: Transport): RouteInfo => ({
  technology,
  address: withoutCredentials(address),
});
