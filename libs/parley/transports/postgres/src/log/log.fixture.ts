import { randomUUID } from 'node:crypto';
import { event, type Contract } from '@parley/contract';
import { Subscription, type SubscriptionOptions } from '@parley/messaging';
import {
  type Delivery,
  HandlerRegistry,
  type OutgoingMessage,
  type Outcome,
  type TransportContext,
} from '@parley/messaging/transport';
import { Client, Pool, type PoolClient } from 'pg';
import { z } from 'zod';
import { NotificationListener } from '../connection/notification-listener';
import type { Caller } from '../connection/database';
import { install } from '../install';
import { StoppableClock } from '../stoppable-clock.fixture';
import { EventConsumer } from './event-consumer';
import { Sequencer } from './log-sequencer';

const ADMIN = process.env['PARLEY_TEST_POSTGRES']!;

export const OrderPlaced = event(
  'orders.order-placed',
  z.object({ orderId: z.string(), n: z.number() }),
  { key: 'orderId' },
);
export const OrderPaid = event(
  'orders.order-paid',
  z.object({ orderId: z.string(), n: z.number() }),
  { key: 'orderId' },
);

export function message(
  contract: Contract,
  key: string | undefined,
  payload: object | Buffer,
): OutgoingMessage {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
  const envelope = {
    specversion: '1.0',
    id: randomUUID(),
    type: contract.name,
    source: `/${contract.owner}`,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: randomUUID(),
    partitionkey: key,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'spec',
    producerbuild: 'spec',
  } as const;
  return { contract, envelope, body };
}

export const placed = (orderId: string, n: number): OutgoingMessage =>
  message(OrderPlaced, orderId, { orderId, n });

/** A database of its own with the message schema, and a role per service. */
export class LogDatabase {
  private readonly pools: Pool[] = [];
  private constructor(
    private readonly name: string,
    readonly admin: Pool,
  ) {}

  static async create(services: readonly string[]): Promise<LogDatabase> {
    const name = `log_${randomUUID().slice(0, 8)}`;
    const server = new Pool({ connectionString: ADMIN, max: 1 });
    await server.query(`create database ${name}`);
    await server.end();
    const database = new LogDatabase(name, new Pool({ connectionString: urlOf(name), max: 4 }));
    await database.install(services);
    return database;
  }

  roleOf(service: string): string {
    return `${this.name}_${service}`;
  }

  /** Connections as a service; `label` names them for `terminate`. */
  pool(service: string, label = service, max = 12): Pool {
    const pool = new Pool({ ...this.config(service), application_name: label, max });
    pool.on('error', () => {});
    pool.on('connect', (client) => client.on('error', () => {})); // those in use are cut, too
    this.pools.push(pool);
    return pool;
  }

  config(service: string) {
    const url = new URL(urlOf(this.name));
    return {
      host: url.hostname,
      port: Number(url.port),
      database: this.name,
      user: this.roleOf(service),
      password: 'spec',
    };
  }

  /** Cuts the connections with this label, as a crash of their process would. */
  async terminate(label: string): Promise<void> {
    await this.admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = $2',
      [this.name, label],
    );
  }

  async drop(): Promise<void> {
    await Promise.all(
      [...this.pools, this.admin].map((pool) => (pool.ended ? undefined : pool.end())),
    );
    const server = new Pool({ connectionString: ADMIN, max: 1 });
    await server.query(`drop database ${this.name} with (force)`);
    const { rows } = await server.query<{ rolname: string }>(
      `select rolname from pg_roles where rolname like '${this.name}\\_%'`,
    );
    for (const { rolname } of rows) await server.query(`drop role ${rolname}`);
    await server.end();
  }

  private async install(services: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: urlOf(this.name) });
    await client.connect();
    const roles = services.map((service) => ({ role: this.roleOf(service), service }));
    for (const { role } of roles) await client.query(`create role ${role} login password 'spec'`);
    await install(client, roles);
    await client.query(
      'create table public.effect (number bigserial primary key, subscription text, message text, key text, n int, instance text)',
    );
    await client.query('grant all on public.effect, public.effect_number_seq to public');
    await client.end();
  }
}

/** Statements that commit by themselves, on these connections. */
export function callerOf(pool: Pool): Caller {
  return {
    call: async ({ name, text }, values = []) =>
      (await pool.query({ name, text, values: [...values] })).rows,
  };
}

function urlOf(database: string): string {
  const url = new URL(ADMIN);
  url.pathname = `/${database}`;
  return url.href;
}

/** A record of what happened; resolves once it has the expected number of entries. */
export class Seen<T> {
  readonly all: T[] = [];
  private waiting: { readonly enough: () => boolean; readonly resolve: () => void }[] = [];

  add(item: T): void {
    this.all.push(item);
    const met = this.waiting.filter(({ enough }) => enough());
    this.waiting = this.waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }

  until(enough: (all: readonly T[]) => boolean): Promise<void> {
    if (enough(this.all)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ enough: () => enough(this.all), resolve }));
  }

  reach(count: number): Promise<void> {
    return this.until((all) => all.length >= count);
  }
}

export interface Effect {
  readonly instance: string;
  readonly id: string;
  readonly key: string;
  readonly n: number;
}

export type Handling = (delivery: Delivery, instance: Instance) => Promise<Outcome>;

/** One process of a service, with one subscription. */
export class Instance {
  readonly pool: Pool;
  readonly listener: NotificationListener;
  readonly sequencer: Sequencer;
  readonly intake: EventConsumer;
  readonly clock = new StoppableClock();
  readonly context: TransportContext;

  constructor(
    readonly database: LogDatabase,
    readonly name: string,
    readonly service: string,
    subscription: string,
    handling: Handling,
    options: {
      contracts?: readonly Contract[];
      ttl?: number;
      settles?: boolean;
      concurrency?: number;
    } & SubscriptionOptions = {},
  ) {
    this.pool = database.pool(service, name);
    this.context = { service, instance: name, clock: this.clock, log: () => {} };
    this.listener = new NotificationListener({ ...database.config(service) }, this.context);
    this.sequencer = new Sequencer(callerOf(this.pool), this.context);
    const registry = new HandlerRegistry(service, options.concurrency ?? 8);
    class Spec {}
    Subscription(subscription, options)(Spec);
    for (const contract of options.contracts ?? [OrderPlaced]) {
      registry.add((() => Promise.resolve()) as never, {
        contract,
        options: {},
        handlerClass: Spec,
        method: contract.name,
      });
    }
    const deliver = (delivery: Delivery) => handling(delivery, this);
    const { listener, sequencer, context } = this;
    this.intake = new EventConsumer({
      database: callerOf(this.pool),
      listener,
      sequencer,
      context,
      registry,
      deliver,
      settles: () => options.settles ?? true,
      ttl: options.ttl ?? 1_000,
    });
  }

  start(): Promise<this> {
    return new Promise((resolve, reject) =>
      this.intake.listen((error) => (error ? reject(error as Error) : resolve(this))),
    );
  }

  async close(): Promise<void> {
    await this.intake.stop();
    await this.intake.close();
    await this.end();
  }

  /** Simulates the end of the process: no code runs any more, and its connections are cut. */
  async crash(): Promise<void> {
    this.clock.stopped = true;
    await this.listener.close();
    await this.database.terminate(this.name);
  }

  async end(): Promise<void> {
    await this.sequencer.stop();
    await this.listener.close();
    if (!this.pool.ended) await this.pool.end();
  }
}

/** Handles as the pipeline does: effect and acknowledgement in one transaction. */
export async function inOneTransaction(
  delivery: Delivery,
  instance: Instance,
  work: (client: PoolClient) => Promise<void> = async () => {},
): Promise<Outcome> {
  let client: PoolClient | undefined;
  let broken = false;
  try {
    client = await instance.pool.connect();
    await client.query('begin');
    const { n } = JSON.parse(delivery.body.toString()) as { n: number };
    const { id, partitionkey } = delivery.headers;
    const values = [delivery.subscription.name, id, partitionkey, n, instance.name];
    await client.query(
      'insert into effect (subscription, message, key, n, instance) values ($1, $2, $3, $4, $5)',
      values,
    );
    await work(client);
    await delivery.acknowledgeInTransaction?.(client);
    await client.query('commit');
    return { kind: 'done', settled: true };
  } catch (error) {
    await client?.query('rollback').catch(() => (broken = true));
    return (error as Error).name === 'AlreadyHandledError'
      ? { kind: 'done', settled: false }
      : { kind: 'return' };
  } finally {
    client?.release(broken);
  }
}
