import type { INestApplication, Type } from '@nestjs/common';
import {
  Messaging,
  MessagingModule,
  type DeadLetter,
  type MessagingOptions,
  type Messenger,
  type Store,
  type Transactions,
} from '@parley/messaging';
import {
  type DeliveryObserver,
  type Handling,
  type OutgoingCall,
  type OutgoingMessage,
  type TransportContext,
  systemClock,
} from '@parley/messaging/transport';
import { Logger } from '@parley/observability';
import type { Place } from './fixture';
import { Recorder } from './recorder';

export interface InstanceOptions {
  readonly concurrency?: number;
  readonly circuitBreaker?: MessagingOptions['circuitBreaker'];
  readonly handlerGrace?: MessagingOptions['handlerGrace'];
  /** Instead of those of the place. */
  readonly urls?: MessagingOptions['urls'];
  /** The services that may call it, and the proof of its name. */
  readonly callers?: MessagingOptions['callers'];
  /** Where bodies wait that are too large to travel. */
  readonly claims?: MessagingOptions['claims'];
}

/** A handling without what it holds in memory: a recorder keeps every one of them. */
type NotedHandling = Omit<Handling, 'body' | 'failure'>;

/** More than any drain of a test takes. */
const BOUND = 5_000;

/**
 * One running instance of a service: a real Nest app with the real pipeline, in a place of its own.
 */
export class Instance {
  readonly handlings = new Recorder<NotedHandling>();
  /** How the calls that it answered ended. */
  readonly answers: { readonly contract: string; readonly outcome: string }[] = [];
  readonly complaints: string[] = [];
  private ended = false;
  /** Logs as a service does. Its lines are not checked, but a failure to write one shows. */
  private readonly logger: Logger;

  private constructor(
    readonly service: string,
    readonly name: string,
    readonly place: Place,
  ) {
    this.logger = new Logger({
      service,
      instance: name,
      level: 'debug',
      destination: { write: () => undefined },
    });
  }

  app!: INestApplication;
  messaging!: Messaging;

  static async start(
    service: string,
    name: string,
    place: Place,
    controllers: readonly Type[],
    { concurrency, circuitBreaker, handlerGrace, urls, claims, callers }: InstanceOptions = {},
  ): Promise<Instance> {
    const { NestFactory } = await import('@nestjs/core');
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    const instance = new Instance(service, name, place);
    const observer: DeliveryObserver = {
      handled: ({ body: _body, failure: _failure, ...noted }) => instance.handlings.note(noted),
      answered: ({ contract, outcome }) => void instance.answers.push({ contract, outcome }),
    };
    const options = {
      service,
      instance: name,
      build: 'conformance',
      ...place.options,
      ...(urls && { urls }),
      claims,
      callers,
      concurrency,
      circuitBreaker,
      handlerGrace,
      random: () => 0,
      observer,
      log: instance.log,
    };
    const module = {
      module: class ServiceOnTrial {},
      imports: [MessagingModule.forRoot(options)],
      controllers: [...controllers],
    };
    instance.app = await NestFactory.create(module, new FastifyAdapter(), {
      logger: false,
      abortOnError: false,
    });
    instance.messaging = instance.app.get(Messaging);
    try {
      instance.messaging.attach(instance.app);
      await instance.messaging.start();
      await instance.app.init();
      await instance.messaging.listen(instance.app);
      return instance;
    } catch (error) {
      await instance.bury();
      throw error;
    }
  }

  get messenger(): Messenger {
    return this.messaging.messenger;
  }

  get transactions(): Transactions {
    return this.messaging.transactions;
  }

  get store(): Store {
    return this.messaging.store!;
  }

  /** Sends messages as a foreign program could: with any envelope and body. */
  async inject(...messages: OutgoingMessage[]): Promise<void> {
    const { urls, technologies, store } = this.place.options;
    const { kind } = messages[0]!.contract;
    const url = urls[`${kind}s` as 'commands' | 'broadcasts' | 'events']!;
    const technology = technologies.find(({ schemes }) =>
      schemes.some((scheme) => url.startsWith(`${scheme}:`)),
    )!;
    const transport = technology.open!(url, {
      service: this.service,
      instance: this.name,
      clock: systemClock,
      store,
      log: this.log,
    });
    await transport.connect();
    await transport.publish(messages).finally(() => transport.close());
  }

  /** Asks as a foreign program could. */
  async ask(request: OutgoingCall) {
    const { urls, technologies } = this.place.options;
    const url = urls.calls!(request.contract.owner);
    const technology = technologies.find(({ schemes }) =>
      schemes.some((scheme) => url.startsWith(`${scheme}:`)),
    )!;
    const transport = technology.openCalls!(
      { urlOf: urls.calls! },
      { service: this.service, instance: this.name, clock: systemClock, log: this.log },
    );
    return transport.call(request).finally(() => transport.close());
  }

  deadLetters(): Promise<readonly DeadLetter[]> {
    return this.store.lanes.deadLetters.list();
  }

  /** Ends as a deployment would, with so many milliseconds for the work under way. */
  async stop(leave = BOUND): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.messaging.stopConsuming();
    await this.messaging.drained(leave);
    await this.messaging.flush(BOUND);
    await this.app.close();
    await this.messaging.close();
    await this.place.close();
  }

  /** As `kill -9`: its connections are gone, and nothing it still does gets anywhere. */
  kill(): void {
    if (this.ended) return;
    const dropped = this.place.kill();
    if (dropped === 0 || this.place.alive())
      throw new Error(
        `the fixture's kill did not kill ${this.name}: it dropped ${dropped} connections`,
      );
    this.ended = true;
    this.buried = this.bury();
  }

  /** Its remains, which may take a while to be cleared away. */
  buried?: Promise<void>;

  private async bury(): Promise<void> {
    const quietly = (work: () => Promise<unknown>) => work().catch(() => undefined);
    await quietly(() => this.messaging.stopConsuming());
    await quietly(() => this.messaging.drained(0));
    await quietly(() => this.messaging.flush(0));
    await quietly(() => this.app.close());
    await quietly(() => this.messaging.close());
    await quietly(() => this.place.close());
  }

  private readonly log: TransportContext['log'] = (level, message, details) => {
    this.logger.write(level, message, details);
    if (level === 'warn' || level === 'error') this.complaints.push(`${this.name}: ${message}`);
  };
}
