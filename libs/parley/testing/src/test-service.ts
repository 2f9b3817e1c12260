import type { INestApplication, InjectionToken, Type } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { Duration } from '@parley/contract';
import { Messaging, type DeadLetter, type Store } from '@parley/messaging';
import { systemClock } from '@parley/messaging/transport';
import { DataSource } from 'typeorm';
import { Harness, type HarnessOptions, type TestService } from './harness';
import { fewTurns, VirtualClock } from './virtual-clock';

export interface TestServiceOptions extends HarnessOptions {
  /** Name of the service: the owner in its contracts. */
  readonly service: string;
  /**
   * Where its data is. 'memory': no database and virtual time; providers that use a DataSource take
   * `overrides`. 'postgres': the DataSource of the application, with transactions, outbox and dead
   * letters in its database, where `install` has run; time passes by itself. In both, messages
   * travel in memory.
   */
  readonly on: 'memory' | 'postgres';
  /** Providers in the place of the application's, by token: `[[StockStore, shelves]]`. */
  readonly overrides?: readonly (readonly [token: InjectionToken, value: unknown])[];
  /** Default: fastify. */
  readonly adapter?: AbstractHttpAdapter;
}

/** Something that only one of memory and PostgreSQL has. */
export class TestServiceError extends Error {
  override readonly name = 'TestServiceError';
}

/** Milliseconds between two looks at the database. */
const LOOK_MS = 20;

/**
 * Starts the module of an application, all of it: its controllers, guards, routes and handlers.
 * Only MessagingModule's options are replaced.
 */
export async function testService(
  module: Type,
  options: TestServiceOptions,
): Promise<ServiceUnderTest> {
  const tested = new ServiceUnderTest(options);
  await tested.open(module);
  return tested;
}

/** A whole application under test, and the world around it. */
export class ServiceUnderTest extends Harness {
  private started?: TestService;

  constructor(private readonly tested: TestServiceOptions) {
    super(tested, tested.on === 'memory' ? new VirtualClock() : systemClock);
  }

  /** The application: `app.inject(…)` with fastify, `app.listen(0)` otherwise. */
  get app(): INestApplication {
    return this.service.app;
  }

  get<T>(token: Type<T> | (abstract new (...args: never[]) => T) | string | symbol): T {
    return this.service.get(token);
  }

  /** @param module imports ServiceModule or MessagingModule */
  async open(module: Type): Promise<void> {
    const { Test } = await import('@nestjs/testing');
    const { service, on, overrides = [] } = this.tested;
    const store = this.storeOf(service);
    const building = Test.createTestingModule({ imports: [module] });
    for (const [token, value] of overrides) building.overrideProvider(token).useValue(value);
    if (on === 'memory') {
      building.overrideProvider(DataSource).useValue(NO_DATA_SOURCE);
      building
        .overrideProvider(Messaging)
        .useValue(new Messaging(this.messagingOptions(service, store)));
    } else {
      const storeOn = await postgresStores(service);
      building.overrideProvider(Messaging).useFactory({
        inject: [DataSource],
        factory: (dataSource: DataSource) =>
          new Messaging(this.messagingOptions(service, storeOn(dataSource))),
      });
    }
    const compiled = await building.compile();
    const app = compiled.createNestApplication(this.tested.adapter ?? (await fastify()), {
      logger: false,
      abortOnError: false,
    });
    this.started = await this.run(app, store);
  }

  /** Only on memory. */
  override async advance(duration: Duration): Promise<void> {
    if (this.tested.on === 'postgres')
      throw new TestServiceError(
        "on PostgreSQL time passes by itself; test what happens later with { on: 'memory' }",
      );
    return super.advance(duration);
  }

  override async deadLetters(): Promise<readonly DeadLetter[]> {
    if (this.tested.on === 'memory') return super.deadLetters();
    return (await this.get(Messaging).deadLetters?.list({})) ?? [];
  }

  private get service(): TestService {
    if (!this.started)
      throw new TestServiceError('the service was not started; await open() first');
    return this.started;
  }

  /**
   * On PostgreSQL retries count, too, which come in real time; messages behind a dead letter count
   * as settled. Looks twice: a message that moves is nowhere only between the looks.
   */
  protected override async stuck(): Promise<readonly string[]> {
    if (this.tested.on === 'memory') return super.stuck();
    const { length } = this.messages;
    for (let look = 0; look < 2; look++) {
      const stuck = [...(await this.stored()), ...this.broker.unsettled()];
      if (stuck.length > 0) return stuck;
      await fewTurns();
    }
    return length === this.messages.length ? [] : ['messages that were sent just now'];
  }

  protected override async settledWithin(milliseconds: number): Promise<boolean> {
    if (this.tested.on === 'memory') return super.settledWithin(milliseconds);
    const until = performance.now() + milliseconds;
    while ((await this.stuck()).length > 0) {
      if (performance.now() > until) return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return true;
  }

  private async stored(): Promise<readonly string[]> {
    const { introspection } = this.get(Messaging);
    const outbox = await introspection.outboxHealth();
    const backlog = await introspection.backlog();
    const parked = backlog.filter(({ parked, dead }) => parked > 0 && dead === 0);
    return [
      ...(outbox && outbox.waiting > 0 ? [`${outbox.waiting} messages in the outbox`] : []),
      ...parked.map((one) => `${one.parked} messages parked for ${one.subscription}`),
    ];
  }
}

async function fastify(): Promise<AbstractHttpAdapter> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return new FastifyAdapter();
}

async function postgresStores(service: string): Promise<(dataSource: DataSource) => Store> {
  const { PostgresStore } = await import('@parley/postgres');
  return (dataSource) => new PostgresStore(dataSource, { service });
}

const noDatabase = (): never => {
  throw new TestServiceError(
    "on memory there is no DataSource; override the provider that uses it, or test { on: 'postgres' }",
  );
};

/** In the place of the application's DataSource, which it may close. */
const NO_DATA_SOURCE = {
  isInitialized: false,
  destroy: async () => undefined,
  query: noDatabase,
  transaction: noDatabase,
  getRepository: noDatabase,
  createQueryRunner: noDatabase,
  createQueryBuilder: noDatabase,
};
