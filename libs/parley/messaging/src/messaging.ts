import type { INestApplication } from '@nestjs/common';
import { contractsLoaded, type Kind } from '@parley/contract';
import type { Clock } from './clock';
import { compose, type MessagingParts } from './composition';
import type { CanaryReplays } from './dead-letters/canary-replays';
import type { DeadLetterService } from './dead-letters/dead-letter-service';
import { type CompleteOptions, withDefaults } from './default-options';
import type { HandlerRun, RunFacts } from './delivery/handler-runs';
import { showErrorsToFilters } from './handlers/exception-filters';
import { FilteredSubscriptions } from './handlers/filtered-subscriptions';
import {
  HandlerError,
  type HandlerRegistry,
  type SubscriptionRegistry,
} from './handlers/handler-registry';
import { UnroutedConsumer } from './handlers/unrouted-consumer';
import { warnOfMessagesLeftBehind } from './introspection/left-behind';
import {
  type BoundConsumers,
  MessagingIntrospection,
} from './introspection/messaging-introspection';
import type { MessagingOptions } from './messaging-options';
import { isEncrypted } from './payload/field-encryption';
import type { PayloadProcessor } from './payload/payload-processor';
import type { SubjectKeyCache } from './payload/subject-key-cache';
import type { CallServer } from './ports/call-transport';
import type { FailpointHook } from './ports/failpoints';
import { outageIn, type OutageError } from './ports/outage';
import type { Deliver } from './ports/delivery';
import type { LaneRunner, Store } from './ports/store';
import type { Tracing } from './ports/tracing';
import { NoSubjectKeysError } from './ports/subject-keys';
import type { RegisteredSubscription } from './ports/subscription';
import type { Consumer, Transport, TransportContext } from './ports/transport';
import type { Messenger } from './sending/messenger';
import { STORED_KINDS } from './sending/routes';
import type { Transactions } from './sending/transactions';

/** Work that a service does besides handling messages, such as a saga's timeouts. */
export interface Worker {
  start(): Promise<void>;
  /** Begins nothing new; resolves when the work under way is done. */
  stop(): Promise<void>;
}

/** Messaging of one process: sends, handles, starts and stops. */
export class Messaging {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  readonly registry: HandlerRegistry;
  readonly transactions: Transactions;
  readonly messenger: Messenger;
  readonly store?: Store;
  readonly clock: Clock;
  readonly log: TransportContext['log'];
  readonly passes?: FailpointHook;
  readonly tracing?: Tracing;
  /** The keys of the subjects of messages. */
  readonly subjectKeys?: SubjectKeyCache;
  readonly payloads: PayloadProcessor;
  /** The dead letters, for operators; undefined without a store. */
  readonly deadLetters?: DeadLetterService;
  /** Replays of many in steps; undefined without a store. */
  readonly canaryReplays?: CanaryReplays;
  /** The state for operations, health checks and metrics. */
  readonly introspection: MessagingIntrospection;
  private readonly options: CompleteOptions;
  private readonly parts: MessagingParts;
  private readonly workers: Worker[] = [];
  private readonly consumers: BoundConsumers['consumers'][number][] = [];
  private lanes?: LaneRunner;
  private callServer?: CallServer;

  constructor(given: MessagingOptions) {
    const options = (this.options = withDefaults(given));
    this.parts = compose(options);
    this.service = options.service;
    this.instance = options.instance;
    this.build = options.build;
    this.store = options.store;
    this.log = options.log;
    this.passes = options.passes;
    this.tracing = options.tracing;
    this.clock = this.parts.clock;
    this.registry = this.parts.registry;
    this.transactions = this.parts.transactions;
    this.messenger = this.parts.messenger;
    this.subjectKeys = this.parts.subjectKeys;
    this.payloads = this.parts.payloads;
    this.deadLetters = this.parts.deadLetters;
    this.canaryReplays = this.parts.canaryReplays;
    if (this.canaryReplays) this.workers.push(this.canaryReplays);
    this.introspection = new MessagingIntrospection(options, this.parts, () => ({
      consumers: this.consumers,
      callServer: this.callServer,
      lanes: this.lanes,
    }));
  }

  /** Binds the handlers of the app's controllers, each to the strategy of its kind. */
  attach(app: INestApplication): void {
    showErrorsToFilters(app);
    for (const kind of STORED_KINDS) this.attachKind(app, kind);
    if (this.options.listen)
      this.callServer = this.parts.calls?.server(this.registry, this.parts.callHandler.answer);
    app.connectMicroservice(
      { strategy: this.callServer ?? new UnroutedConsumer('call', this.registry) },
      { inheritAppConfig: true },
    );
    this.keepUnhandled();
  }

  /** Opens the store and the technologies: from now on the service can send. */
  async start(): Promise<void> {
    this.refuseWithoutStore();
    this.refuseWithoutKeys();
    for (const caution of this.store?.cautions ?? []) this.log('warn', caution);
    await this.store?.connect();
    await Promise.all([
      this.parts.payloads.connect(this.store),
      ...this.parts.routes.all().map((transport) => transport.connect()),
    ]);
    await this.parts.publisher.connect();
    await warnOfMessagesLeftBehind(this.store, this.parts.routes, this.registry, this.log);
    this.parts.relay?.start();
  }

  /** Begins to consume. After `app.init()`, because handlers need all of the app. */
  async listen(app: INestApplication): Promise<void> {
    await app.startAllMicroservices();
    const parkable = this.registry
      .subscriptions()
      .filter((subscription) => this.parksInStore(subscription));
    this.lanes =
      parkable.length > 0
        ? this.store?.lanes.deliver(
            parkable,
            this.tracing ? this.deliverKept : this.parts.pipeline.deliver,
          )
        : undefined;
    await Promise.all([this.lanes, ...this.workers].map((worker) => worker?.start()));
  }

  /** Starts with the consumers and stops with them. */
  addWorker(worker: Worker): void {
    this.workers.push(worker);
  }

  /**
   * Runs a worker's `work` like a handler: it ends at its timeout plus the grace, whether it
   * settles or not, and is reported while it is overdue. Transactions that are given the run end
   * with it.
   * @throws HandlerTimeoutError
   */
  bounded<T>(facts: RunFacts, work: (run: HandlerRun) => Promise<T>): Promise<T> {
    return this.parts.runs.bounded(facts, work);
  }

  /**
   * Sets how many messages of a subscription this instance handles at the same time, at once and
   * until the process ends; returns the former number. After a lower number, running handlings go
   * on.
   */
  setConcurrency(subscription: string, concurrency: number): number {
    return this.registry.setConcurrency(subscription, concurrency);
  }

  /**
   * The outage that caused an error, also where the error is one of a database's or broker's
   * client; undefined when there is none.
   */
  outageIn(error: unknown): OutageError | undefined {
    return outageIn(error, this.parts.outageReaders());
  }

  /** Takes no new messages and calls; handlings under way go on. */
  async stopConsuming(): Promise<void> {
    this.parts.circuitBreakers.stop();
    await Promise.all([
      ...this.consumers.map(({ consumer }) => consumer.stop()),
      this.callServer?.stop(),
      this.lanes?.stop(),
      ...this.workers.map((worker) => worker.stop()),
    ]);
  }

  /**
   * Resolves true when everything under way ended within `milliseconds`; else aborts the rest,
   * whose messages are given back, and resolves false.
   */
  drained(milliseconds: number): Promise<boolean> {
    return this.parts.inFlight.drained(milliseconds);
  }

  /** Relays messages of the outbox for at most `milliseconds`. */
  async flush(milliseconds: number): Promise<void> {
    await this.parts.relay?.stop(milliseconds);
  }

  /** Closes the technologies, then the store. Call it after the consumers were closed. */
  async close(): Promise<void> {
    this.parts.runs.stop();
    await Promise.all(this.parts.routes.all().map((transport) => transport.close()));
    await this.parts.calls?.close();
    this.options.callers?.tokens?.close();
    await this.parts.payloads.close();
    await this.store?.close();
  }

  /**
   * Nest offers the handlers of a kind to every strategy of it: where several technologies carry
   * the kind, each takes its own.
   */
  private attachKind(app: INestApplication, kind: (typeof STORED_KINDS)[number]): void {
    const transports = this.parts.routes.carrying(kind);
    const handlersOf = (transport: Transport) =>
      transports.length === 1 && this.parts.routes.ofKind(kind)
        ? this.registry
        : new FilteredSubscriptions(
            this.registry,
            (contract) => this.parts.routes.of(contract) === transport,
          );
    for (const transport of transports) {
      const handlers = handlersOf(transport);
      this.bind(
        app,
        kind,
        handlers,
        transport.consumer(kind, handlers, this.parts.pipeline.deliver),
      );
    }
    if (this.parts.routes.ofKind(kind)) return;
    const none = new FilteredSubscriptions(this.registry, () => false);
    this.bind(
      app,
      kind,
      none,
      new UnroutedConsumer(kind, none, (contract) => this.parts.routes.of(contract) !== undefined),
    );
  }

  private bind(
    app: INestApplication,
    kind: Kind,
    handlers: SubscriptionRegistry,
    consumer: Consumer,
  ): void {
    this.consumers.push({ kind, handlers, consumer });
    app.connectMicroservice({ strategy: consumer }, { inheritAppConfig: true });
  }

  /**
   * Commands without a handler at their owner would wait unseen, for ever: warns of them, and
   * keeps them as dead letters.
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
        missing.filter((contract) => this.parts.routes.of(contract) !== undefined),
      );
  }

  private readonly deliverKept: Deliver = (delivery) =>
    this.parts.pipeline.deliver({ ...delivery, kept: true });

  private parksInStore({ kind, live }: RegisteredSubscription): boolean {
    return kind === 'event'
      ? !live
      : kind === 'command' &&
          this.parts.routes.carrying('command').some(({ keepsLanes }) => keepsLanes !== true);
  }

  private refuseWithoutKeys(): void {
    const handled = this.registry.subscriptions().flatMap(({ handlers }) => [...handlers.values()]);
    const sealed = handled.find(({ contract, missing }) => isEncrypted(contract) && !missing);
    if (sealed && !this.subjectKeys) throw new NoSubjectKeysError(sealed.contract.name);
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
