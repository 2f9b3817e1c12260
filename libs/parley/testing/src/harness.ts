import { randomUUID } from 'node:crypto';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import type {
  Broadcast,
  Call,
  Command,
  Contract,
  Duration,
  Event,
  ItemOf,
  Message,
  MessageInput,
  ReplyOf,
  Stream,
} from '@parley/contract';
import { memory, MemoryBroker, MemoryStore, type MemorySubjectKeys } from '@parley/memory';
import {
  Messaging,
  MessagingModule,
  type DeadLetter,
  type MessagingOptions,
  type Messenger,
  type SendOptions,
  type Store,
} from '@parley/messaging';
import type { Clock, OutgoingMessage, TransportContext } from '@parley/messaging/transport';
import { plainPayload } from './plain-payload';
import { RealWork } from './real-work';
import { fewTurns, VirtualClock } from './virtual-clock';

export interface HarnessOptions {
  /** Faults of the broker: `{ seed: 7, duplicate: 0.2, delay: 50, reorder: true }`. */
  readonly mischief?: {
    readonly seed?: number;
    readonly duplicate?: number;
    readonly delay?: number;
    readonly reorder?: boolean;
  };
  /** Receives the services' log lines. Default: errors are reported when `settled` rejects. */
  readonly log?: TransportContext['log'];
  /**
   * Circuit breaker of subscriptions, as for `Messaging`. Off by default: tests fail handlers on
   * purpose.
   */
  readonly circuitBreaker?: MessagingOptions['circuitBreaker'];
  /** Told of the deliveries and calls of all services. */
  readonly observer?: MessagingOptions['observer'];
  /** Tracing of a service. Default: none. */
  readonly tracing?: (service: string, now: () => number) => MessagingOptions['tracing'];
}

/** One instance of a service under test. */
export interface TestService {
  readonly app: INestApplication;
  readonly store: MemoryStore;
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T) | string | symbol): T;
  /**
   * Ends the service as a deployment would: takes no new messages, finishes those under way, then
   * closes everything.
   */
  stop(): Promise<void>;
}

/** Something did not come to rest. */
export class UnsettledError extends Error {
  override readonly name = 'UnsettledError';
  constructor(milliseconds: number, stuck: readonly string[], complaints: readonly string[]) {
    super(
      [`after ${milliseconds} ms there were still: ${stuck.join('; ')}`, ...complaints].join(
        '\n  ',
      ),
    );
  }
}

const BOUND_MS = 5_000;
/** Work that never ends, as two services that answer each other, is given up all the same. */
const MOST_BOUNDS = 10;
/**
 * Real milliseconds until work that waits for nothing real, and does not move, counts as waiting
 * for virtual time.
 */
const PATIENCE_MS = 10;
/** … and rounds of the event loop. */
const TURNS = 100;
const COMPLAINTS = 10;

/**
 * Services in this process, on memory instead of databases and brokers, in virtual time: the real
 * modules, controllers and pipeline. A service that is not started has its commands waiting for it,
 * and its calls unanswered.
 */
export class Harness {
  readonly clock: VirtualClock;
  private readonly url: string;
  protected readonly broker: MemoryBroker;
  private readonly stores = new Map<string, MemoryStore>();
  private readonly running = new Set<TestService>();
  private readonly owners = new Map<string, Messaging>();
  protected readonly messages: OutgoingMessage[] = [];
  protected readonly complaints: string[] = [];
  private readonly realWork = new RealWork();
  /** The picture that real work did not change: it is not waited for again. */
  private waitedInVain?: string;

  /** @param time of its services; `advance` moves only the clock of the harness */
  constructor(
    private readonly options: HarnessOptions = {},
    private readonly time: Clock = new VirtualClock(),
  ) {
    this.clock = time instanceof VirtualClock ? time : new VirtualClock();
    this.url = `memory://${randomUUID()}${queryOf(options.mischief)}`;
    this.broker = MemoryBroker.at(this.url, time);
    this.broker.witnesses.add((message) => {
      this.messages.push(message);
      this.clock.happened();
    });
  }

  /**
   * Starts an instance of a service. The instances of one service share its store.
   * @param configure called before it is initialised, for hooks, plugins and pipes
   */
  async start(
    service: string,
    parts: Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'>,
    configure?: (app: INestApplication) => void,
  ): Promise<TestService> {
    const { NestFactory } = await import('@nestjs/core');
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    const store = this.storeOf(service);
    const messagingModule = MessagingModule.forRoot(this.messagingOptions(service, store));
    const module = {
      module: class ServiceUnderTest {},
      ...parts,
      imports: [messagingModule, ...(parts.imports ?? [])],
    };
    const app = await NestFactory.create(module, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    configure?.(app);
    return this.run(app, store);
  }

  /** Starts messaging in an application, and ends it with the harness. */
  protected async run(app: INestApplication, store: MemoryStore): Promise<TestService> {
    const messaging = app.get(Messaging);
    messaging.attach(app);
    await messaging.start();
    await app.init();
    await messaging.listen(app);
    const trial: TestService = {
      app,
      store,
      get: (token) => app.get(token, { strict: false }),
      stop: () => this.stop(trial, messaging),
    };
    this.running.add(trial);
    return trial;
  }

  /** Says a command as if from outside of every service. */
  send<C extends Command>(
    contract: C,
    message: MessageInput<C>,
    options?: SendOptions,
  ): Promise<void> {
    return this.as(contract.owner).send(contract, message, options);
  }

  /** Says an event as its owner would. */
  publish<C extends Event>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.as(contract.owner).publish(contract, message);
  }

  /** Says a broadcast as its owner would. */
  broadcast<C extends Broadcast>(contract: C, message: MessageInput<C>): Promise<void> {
    return this.as(contract.owner).broadcast(contract, message);
  }

  call<C extends Call>(contract: C, request: MessageInput<C>): Promise<ReplyOf<C>> {
    return this.as(contract.owner).call(contract, request);
  }

  stream<C extends Stream>(
    contract: C,
    request: MessageInput<C>,
  ): AsyncIterableIterator<ItemOf<C>> {
    return this.as(contract.owner).stream(contract, request);
  }

  /**
   * The messages of a contract, in order: those of the services, after their commits, and those of
   * the test.
   */
  sent<C extends Contract>(contract: C): readonly Message<C>[] {
    return this.messages
      .filter((message) => message.contract.name === contract.name)
      .map(
        (message) => contract.payload.parse(plainPayload(message, this.subjectKeys)) as Message<C>,
      );
  }

  /** The keys of those whom messages are about. */
  get subjectKeys(): MemorySubjectKeys {
    return this.broker.subjectKeys;
  }

  /** The dead letters of all services. */
  async deadLetters(): Promise<readonly DeadLetter[]> {
    return (
      await Promise.all([...this.stores.values()].map((store) => store.lanes.deadLetters.list()))
    ).flat();
  }

  /**
   * Resolves when no message is being handled, and no message that a service here could handle is
   * due.
   * @param bound real milliseconds without any change after which it gives up; on a busy machine
   * work that goes on may take longer, up to ten times as long. Default 5,000.
   * @throws UnsettledError with the messages that are stuck
   */
  async settled(bound = BOUND_MS): Promise<void> {
    for (let bounds = 0; bounds < MOST_BOUNDS; bounds++) {
      const before = this.picture(await this.stuck());
      if (await this.settledWithin(bound)) return;
      if (this.picture(await this.stuck()) === before) break;
    }
    throw new UnsettledError(bound, await this.stuck(), this.complaints);
  }

  /** Everything that is not settled. */
  protected async stuck(): Promise<readonly string[]> {
    return this.unsettled();
  }

  /** Resolves to whether nothing was stuck at some moment within so many real milliseconds. */
  protected settledWithin(milliseconds: number): Promise<boolean> {
    return this.quiet(milliseconds);
  }

  /**
   * Lets virtual time pass: every timer at its time, and after each of them everything comes to
   * rest. Polls are left out while nothing happens, so that hours pass in no time. Work that waits
   * for a file, a socket or a real timer is waited for, up to 5 s; work that waits for virtual time
   * is not.
   */
  advance(duration: Duration): Promise<void> {
    return this.clock.advance(duration, () => this.rest());
  }

  async close(): Promise<void> {
    for (const service of this.running) await service.stop();
    MemoryBroker.forget(this.url);
  }

  private async rest(): Promise<void> {
    for (const until = performance.now() + BOUND_MS; performance.now() < until;) {
      const before = this.picture();
      if (await this.quiet(PATIENCE_MS, TURNS)) return this.realWork.none();
      const now = this.picture();
      if (now === this.waitedInVain || (now === before && !this.realWork.goesOn())) return;
    }
    this.waitedInVain = this.picture();
  }

  /** Looks otherwise when anything has moved. */
  private picture(stuck = this.unsettled()): string {
    return [this.messages.length, ...stuck].join();
  }

  /**
   * @param turns of the event loop to wait at least: other processes may have used the processor
   * all of the time
   */
  private async quiet(patience: number, turns = 0): Promise<boolean> {
    const until = performance.now() + patience;
    for (let turn = 0; ; turn++) {
      // Looks twice: an acknowledgement just made may still wake further work.
      if (this.unsettled().length === 0 && (await fewTurns(), this.unsettled().length === 0))
        return true;
      if (turn >= turns && performance.now() >= until) return false;
      await new Promise(setImmediate);
    }
  }

  private unsettled(): readonly string[] {
    return [
      ...this.broker.unsettled(),
      ...[...this.stores].flatMap(([service, store]) =>
        store.unsettled().map((what) => `${service}: ${what}`),
      ),
    ];
  }

  protected storeOf(service: string): MemoryStore {
    let store = this.stores.get(service);
    if (!store) this.stores.set(service, (store = new MemoryStore(this.time)));
    return store;
  }

  private as(owner: string): Messenger {
    let messaging = this.owners.get(owner);
    if (!messaging)
      this.owners.set(
        owner,
        (messaging = new Messaging({ ...this.messagingOptions(owner), instance: 'test' })),
      );
    return messaging.messenger;
  }

  protected messagingOptions(service: string, store?: Store): MessagingOptions {
    const { url, time: clock } = this;
    const urls = { commands: url, broadcasts: url, events: url, calls: () => url };
    const listen = { host: 'memory', port: 0 };
    const { circuitBreaker = false } = this.options;
    const instance = `${service}-${this.running.size + 1}`;
    return {
      service,
      instance,
      build: 'test',
      urls,
      listen,
      technologies: [memory],
      store,
      keys: url,
      claims: url,
      circuitBreaker,
      observer: this.options.observer,
      tracing: this.options.tracing?.(service, () => clock.now()),
      clock,
      random: () => 0,
      log: this.log,
    };
  }

  private readonly log: TransportContext['log'] = (level, message, details) => {
    this.options.log?.(level, message, details);
    if (level !== 'warn' && level !== 'error') return;
    this.complaints.push(message);
    if (this.complaints.length > COMPLAINTS) this.complaints.shift();
  };

  private async stop(trial: TestService, messaging: Messaging): Promise<void> {
    if (!this.running.delete(trial)) return;
    await messaging.stopConsuming();
    await messaging.drained(BOUND_MS);
    await messaging.flush(0);
    await trial.app.close();
    await messaging.close();
  }
}

function queryOf(mischief: HarnessOptions['mischief']): string {
  if (!mischief) return '';
  const { reorder, ...numbers } = mischief;
  const query = Object.entries(numbers).map(([name, value]) => `${name}=${value}`);
  return `?${[...query, ...(reorder ? ['reorder'] : [])].join('&')}`;
}
