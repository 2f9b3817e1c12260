import type { INestApplication } from '@nestjs/common';
import type { Contract, Kind } from '@parley/contract';
import { CallAnswerer } from './answerer';
import { Caller } from './caller';
import type { CallServer, CallTransport } from './calls';
import { systemClock, type Clock } from './clock';
import { Envelopes } from './envelope';
import { showErrorsToFilters } from './exception-filters';
import { handlerInfo, sayingHop, withoutCredentials, type HandlerInfo, type RouteInfo, type SayingExplained } from './explain';
import { HandlerError, HandlerRegistry, type Subscription } from './handlers';
import { InFlight } from './in-flight';
import { KillSwitches, type KillSwitchOptions, type Paused } from './kill-switch';
import { Messenger } from './messenger';
import type { DeliveryObserver } from './observer';
import { Pipeline } from './pipeline';
import { Publisher, type Routes } from './publisher';
import { Relay } from './relay';
import type { LaneRunner, Store } from './store';
import type { Backlog, Intake, IntakeHealth, Technology, Transport, TransportContext } from './technology';
import { Transactions } from './transactions';
import { UnroutedIntake } from './unrouted-intake';

export interface MessagingOptions {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  /** One URL a kind; the scheme chooses the technology. A kind without a URL can be neither said nor handled. */
  readonly urls: {
    readonly commands?: string;
    readonly broadcasts?: string;
    readonly events?: string;
    /** Where the owner of a call answers. */
    readonly calls?: (owner: string) => string;
  };
  /** Where this service answers calls. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Every technology this process may use. */
  readonly technologies: readonly Technology[];
  /** Commands and events need one, or the start is refused. */
  readonly store?: Store;
  /** Whether queues, topics and the like are made at start, or only checked. Default 'create'. */
  readonly topology?: TransportContext['topology'];
  /** Messages of one subscription handled at the same time. Default 10. */
  readonly concurrency?: number;
  /** When a subscription most of whose handlings fail is paused; false: never. */
  readonly killSwitch?: Partial<KillSwitchOptions> | false;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly observer?: DeliveryObserver;
  readonly log: TransportContext['log'];
}

export interface MessagingHealth {
  readonly intakes: readonly IntakeHealth[];
  /** Subscriptions that wait because most of their handlings failed. */
  readonly paused?: readonly Paused[];
  readonly outbox?: { readonly waiting: number; readonly oldestAge: number };
}

/** A URL that no technology of this process can serve. */
export class UnknownTechnology extends Error {
  override readonly name = 'UnknownTechnology';
}

/** What a service does of its own accord, beside handling messages: a saga's timeouts. */
export interface Worker {
  start(): Promise<void>;
  /** Takes up nothing new; resolves when what it was doing is done. */
  stop(): Promise<void>;
}

const STORED = ['command', 'broadcast', 'event'] as const;

/** The conversation of one process: what it says, what it handles, and how both begin and end. */
export class Messaging {
  readonly registry: HandlerRegistry;
  readonly transactions: Transactions;
  readonly messenger: Messenger;
  readonly store?: Store;
  readonly clock: Clock;
  readonly log: TransportContext['log'];
  private readonly inFlight = new InFlight();
  private readonly killSwitches: KillSwitches;
  private readonly transports = new Map<string, Transport>();
  private readonly routes: Routes;
  private readonly publisher: Publisher;
  private readonly calls?: CallTransport;
  private readonly pipeline: Pipeline;
  private readonly answerer: CallAnswerer;
  private readonly relay?: Relay;
  private lanes?: LaneRunner;
  private readonly workers: Worker[] = [];
  private intakes: Intake[] = [];
  private callServer?: CallServer;

  constructor(private readonly options: MessagingOptions) {
    const { service, store, observer, clock = systemClock, random = Math.random, log } = options;
    const process = { instance: options.instance, clock, log, observer, random };
    const envelopes = new Envelopes(options, clock);
    this.store = store;
    this.clock = clock;
    this.log = log;
    this.registry = new HandlerRegistry(service, options.concurrency);
    this.routes = Object.fromEntries(STORED.flatMap((kind) => this.routeOf(kind))) as Routes;
    this.publisher = new Publisher(this.routes, store);
    this.transactions = new Transactions(store, this.publisher);
    this.calls = this.openCalls();
    this.messenger = new Messenger(service, envelopes, this.transactions, this.publisher, new Caller(this.calls, envelopes, observer));
    this.killSwitches = new KillSwitches(options.killSwitch, clock, log);
    this.pipeline = new Pipeline(this.transactions, store, this.inFlight, this.killSwitches, process);
    this.answerer = new CallAnswerer(this.registry, this.inFlight, process);
    this.relay = store && new Relay(store.outbox, this.publisher, process);
  }

  /** Binds the handlers of the app's controllers, each to the strategy of its kind. */
  attach(app: INestApplication): void {
    showErrorsToFilters(app);
    for (const kind of STORED) {
      const intake = this.routes[kind]?.intake(kind, this.registry, this.pipeline.deliver) ?? new UnroutedIntake(kind, this.registry);
      this.intakes.push(intake);
      app.connectMicroservice({ strategy: intake }, { inheritAppConfig: true });
    }
    if (this.options.listen) this.callServer = this.calls?.server(this.registry, this.answerer.answer);
    app.connectMicroservice({ strategy: this.callServer ?? new UnroutedIntake('call', this.registry) }, { inheritAppConfig: true });
  }

  /** Opens the store and the technologies: from now on the service can say things. */
  async start(): Promise<void> {
    this.refuseWithoutStore();
    await this.store?.connect();
    await Promise.all([...this.transports.values()].map((transport) => transport.connect()));
    await this.publisher.connect();
    this.relay?.start();
  }

  /** After `app.init()`, for handlers need all of the app: takes what comes. */
  async listen(app: INestApplication): Promise<void> {
    await app.startAllMicroservices();
    const parkable = this.registry.subscriptions().filter((subscription) => this.parksInStore(subscription));
    this.lanes = parkable.length > 0 ? this.store?.lanes.deliver(parkable, this.pipeline.deliver) : undefined;
    await Promise.all([this.lanes, ...this.workers].map((worker) => worker?.start()));
  }

  /** Begins with the intakes and ends with them. */
  alongside(worker: Worker): void {
    this.workers.push(worker);
  }

  async health(): Promise<MessagingHealth> {
    const paused = this.killSwitches.paused();
    const used = this.intakes.filter((_, index) => this.registry.subscriptions(STORED[index]).length > 0).map((intake) => withPause(intake.health(), paused));
    const calls = this.callServer && this.registry.allCalls().length > 0 ? [this.callServer.health()] : [];
    return { intakes: [...calls, ...used], paused, outbox: await this.store?.outbox.state() };
  }

  async backlog(): Promise<readonly Backlog[]> {
    const [incoming, kept] = await Promise.all([Promise.all(this.intakes.map((intake) => intake.backlog?.() ?? [])), this.lanes?.backlog() ?? []]);
    const inStore = new Map(kept.map((backlog) => [backlog.subscription, backlog]));
    return incoming.flat().map((backlog) => withKept(backlog, inStore.get(backlog.subscription)));
  }

  /** How this service carries each kind. */
  routeInfo(): Readonly<Partial<Record<Kind, RouteInfo>>> {
    const calls = this.calls && { technology: this.calls.technology, address: withoutCredentials(this.options.urls.calls!('{owner}')) };
    const stored = STORED.flatMap((kind) => (this.routes[kind] ? [[kind, infoOf(this.routes[kind])] as const] : []));
    return { ...(calls && { call: calls }), ...Object.fromEntries(stored) };
  }

  /** Everything that is handled here, and how. */
  handlerInfo(): readonly HandlerInfo[] {
    const handled = this.registry.subscriptions().flatMap((subscription) => [...subscription.handlers.values()].map((handler) => handlerInfo(handler, subscription)));
    return [...this.registry.allCalls().map((handler) => handlerInfo(handler)), ...handled];
  }

  /** How this service would say a contract; undefined: nothing here carries its kind. */
  explain(contract: Contract): SayingExplained | undefined {
    const { kind, owner } = contract;
    if (kind === 'call') return this.calls && this.explainCall(this.calls.technology, owner);
    const transport = this.routes[kind];
    if (!transport) return undefined;
    const how = { local: this.publisher.joins(transport), stored: this.store !== undefined };
    return { ...infoOf(transport), hops: [sayingHop(kind, transport.technology, how), ...(transport.describe?.(contract) ?? [])] };
  }

  /** Takes nothing new; what is being handled goes on. */
  async stopIntake(): Promise<void> {
    this.killSwitches.stop();
    await Promise.all([...this.intakes.map((intake) => intake.stop()), this.callServer?.stop(), this.lanes?.stop(), ...this.workers.map((worker) => worker.stop())]);
  }

  /** Whether everything under way ended within `milliseconds`; what did not is told to give up and given back. */
  drained(milliseconds: number): Promise<boolean> {
    return this.inFlight.drained(milliseconds);
  }

  /** Relays what is in the outbox, as far as `milliseconds` reach. */
  async flush(milliseconds: number): Promise<void> {
    await this.relay?.stop(milliseconds);
  }

  /** After the intakes were closed: the technologies, then the store. */
  async close(): Promise<void> {
    await Promise.all([...this.transports.values()].map((transport) => transport.close()));
    await this.calls?.close();
    await this.store?.close();
  }

  private explainCall(technology: string, owner: string): SayingExplained {
    const address = withoutCredentials(this.options.urls.calls!(owner));
    const hop = { what: 'instances', name: address, why: `round robin over the instances of ${owner} that are up` };
    return { technology, address, hops: [sayingHop('call', technology, { local: false, stored: false }), hop] };
  }

  private routeOf(kind: (typeof STORED)[number]): [Kind, Transport][] {
    const url = this.options.urls[`${kind}s`];
    return url === undefined ? [] : [[kind, this.transport(kind, url)]];
  }

  /** One transport a URL: commands and events of one PostgreSQL share it. */
  private transport(kind: Kind, url: string): Transport {
    const technology = this.technology(kind, url);
    const transport = this.transports.get(url) ?? technology.open?.(url, this.transportContext());
    if (!transport) throw new UnknownTechnology(`${technology.name} carries no ${kind}s`);
    this.transports.set(url, transport);
    return transport;
  }

  private technology(kind: Kind, url: string): Technology {
    const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1];
    const found = this.options.technologies.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme));
    const known = this.options.technologies.filter(({ kinds }) => kinds.includes(kind)).flatMap(({ schemes }) => schemes.map((name) => `${name}://`));
    if (!found) throw new UnknownTechnology(`${kind.toUpperCase()}S_URL: "${scheme ?? ''}" names no technology; use one of ${known.join(', ')}`);
    if (!found.kinds.includes(kind)) throw new UnknownTechnology(`${kind.toUpperCase()}S_URL: ${found.name} cannot carry ${kind}s; use one of ${known.join(', ')}`);
    return found;
  }

  private openCalls(): CallTransport | undefined {
    const { urls, listen, service } = this.options;
    if (!urls.calls) return undefined;
    return this.technology('call', urls.calls(service)).openCalls?.({ urlOf: urls.calls, listen }, this.transportContext());
  }

  private transportContext(): TransportContext {
    const { service, instance, clock = systemClock, store, topology, log } = this.options;
    return { service, instance, clock, store, topology, log };
  }

  private parksInStore({ kind, live }: Subscription): boolean {
    return kind === 'event' ? !live : kind === 'command' && this.routes.command?.keepsLanes !== true;
  }

  private refuseWithoutStore(): void {
    if (this.store) return;
    const needy = this.registry.subscriptions().find(({ kind, live }) => kind !== 'broadcast' && !live);
    if (needy) throw new HandlerError(`${needy.name} handles ${needy.kind}s, which takes a store; give MessagingModule one, or make it a live tail`);
  }
}

/** An intake says itself whether its technology works; that its handlers do not, is known here. */
function withPause(health: IntakeHealth, paused: readonly Paused[]): IntakeHealth {
  const own = paused.filter(({ kind }) => kind === health.kind);
  if (health.state !== 'consuming' || own.length === 0) return health;
  return { ...health, state: 'paused', reason: own.map(({ subscription, reason }) => `${subscription}: ${reason}`).join('; ') };
}

/** What waits in the technology and what the service's own store keeps of it. */
function withKept(backlog: Backlog, kept: Backlog | undefined): Backlog {
  if (!kept) return backlog;
  return { ...backlog, parked: backlog.parked + kept.parked + kept.waiting, delayed: backlog.delayed + kept.delayed, dead: backlog.dead + kept.dead };
}

const infoOf = ({ technology, address }: Transport): RouteInfo => ({ technology, address: withoutCredentials(address) });
