import { randomUUID } from 'node:crypto';
import { command } from '@parley/contract';
import {
  AlreadyHandledError,
  LeaseLostError,
  type Delivery,
  type Outcome,
  type OutgoingMessage,
  type Tx,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import { Database } from '../connection/database';
import { QueueConsumer } from './queue-consumer';
import { connectionTo } from '../address';
import { StoppableClock } from '../stoppable-clock.fixture';
import { PostgresStore } from '../store/store';
import type { TrialDatabase } from '../trial-database.fixture';

const Reserve = command('inventory.reserve', z.object({ key: z.string(), n: z.number() }), {
  key: 'key',
});

export function reserve(
  key: string | undefined,
  n: number,
  options: { id?: string; delay?: number; passes?: boolean } = {},
): OutgoingMessage {
  const id = options.id ?? randomUUID();
  const envelope = {
    specversion: '1.0',
    id,
    type: Reserve.name,
    source: '/orders',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: id,
    partitionkey: key,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'trial',
    producerbuild: 'trial',
    passdeadletters: options.passes ? 'true' : undefined,
  } as const;
  return {
    contract: Reserve,
    envelope,
    body: Buffer.from(JSON.stringify({ key, n })),
    delay: options.delay,
  };
}

export interface Effect {
  readonly lane: string;
  readonly n: number;
  readonly by: string;
}

export interface Handling {
  readonly delivery: Delivery;
  readonly key: string;
  readonly n: number;
  /**
   * Handles as the pipeline does with a handler that succeeds: effect and acknowledgement in one
   * transaction.
   */
  settle(before?: (tx: Tx) => Promise<void>): Promise<Outcome>;
}

/** An instance of the inventory service that consumes its commands. */
export class Worker {
  readonly clock = new StoppableClock();
  readonly deliveries: Delivery[] = [];
  private readonly dataSource: DataSource;
  private readonly store: PostgresStore;
  private readonly consumer: QueueConsumer;
  private readonly database: Database;

  constructor(
    private readonly trial: TrialDatabase,
    readonly name: string,
    handle: (handling: Handling) => Promise<Outcome>,
    { concurrency = 8, lease = 30_000, settles = true } = {},
  ) {
    const surroundings = { clock: this.clock, log: () => undefined };
    this.dataSource = trial.dataSource('inventory', name);
    this.store = new PostgresStore(this.dataSource, { service: 'inventory', ...surroundings });
    this.database = Database.open(connectionTo(trial.url('inventory', name)), surroundings);
    const subscription: RegisteredSubscription = {
      kind: 'command',
      name: 'inventory',
      handlers: new Map(),
      concurrency,
      from: 'beginning',
      live: false,
    };
    const deliver = async (delivery: Delivery) => {
      this.deliveries.push(delivery);
      return handle(this.handling(delivery));
    };
    this.consumer = new QueueConsumer({
      database: this.database,
      queue: 'inventory',
      subscription,
      deliver,
      settles,
      lease,
      ...surroundings,
    });
  }

  async start(): Promise<this> {
    await this.store.connect();
    await this.consumer.start();
    return this;
  }

  stop(): Promise<void> {
    return this.consumer.stop();
  }

  health() {
    return this.consumer.health();
  }

  async close(): Promise<void> {
    await this.consumer.close();
    await this.database.close();
    await this.store.close();
    await this.dataSource.destroy();
  }

  /** Ends its connections, as the network or the server may; it lives on. */
  async cut(): Promise<void> {
    await this.trial.admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = $2',
      [this.trial.name, this.name],
    );
  }

  private handling(delivery: Delivery): Handling {
    const { key, n } = JSON.parse(delivery.body.toString()) as { key?: string; n: number };
    return {
      delivery,
      key: key ?? '',
      n,
      settle: (before) => this.settle(delivery, key ?? '', n, before),
    };
  }

  private async settle(
    delivery: Delivery,
    key: string,
    n: number,
    before?: (tx: Tx) => Promise<void>,
  ): Promise<Outcome> {
    try {
      await this.store.transaction(async (tx) => {
        await before?.(tx);
        await (tx as EntityManager).query(
          'insert into public.effect (lane, n, by) values ($1, $2, $3)',
          [key, n, this.name],
        );
      }, delivery.acknowledgeInTransaction);
      return { kind: 'done', settled: delivery.acknowledgeInTransaction !== undefined };
    } catch (error) {
      if (error instanceof AlreadyHandledError) return { kind: 'done', settled: false };
      if (error instanceof LeaseLostError) return { kind: 'return' };
      return { kind: 'return' };
    }
  }
}

/** Effects in the order in which they were made. */
export async function effects({ admin }: TrialDatabase): Promise<readonly Effect[]> {
  return (await admin.query<Effect>('select lane, n, by from public.effect order by number')).rows;
}

/** Waits until the condition holds. */
export async function until(
  holds: () => Promise<boolean> | boolean,
  patience = 20_000,
): Promise<void> {
  for (const limit = performance.now() + patience; !(await holds());) {
    if (performance.now() > limit)
      throw new Error(`not within ${patience} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
