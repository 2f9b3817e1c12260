import type { Tx } from '@parley/messaging/transport';
import { TcpProxy, type Fixture, type Place } from '@parley/conformance';
import { DataSource, type EntityManager } from 'typeorm';
import { postgres } from './postgres';
import { PostgresStore } from './store/store';
import { TrialDatabase } from './trial-database.fixture';

/** Connections of a service's pool. */
export const POOL = 8;

/** Messages and the services' data in one database, or in two. */
export function postgresFixture(where: 'own database' | 'another database'): Fixture {
  const apart = where === 'another database';
  let data: TrialDatabase;
  let messages: TrialDatabase;

  async function open(service: string): Promise<Place> {
    const home = await TcpProxy.to(data.url(service), 5432);
    const way = apart ? await TcpProxy.to(messages.url(service), 5432) : undefined;
    const roads = way ? [home, way] : [home];
    const url = way
      ? way.along(plain(messages.url(service)))
      : home.along(plain(data.url(service)));
    const dataSource = new DataSource({
      type: 'postgres',
      url: home.along(plain(data.url(service))),
      poolSize: POOL,
      connectTimeoutMS: 10_000, // as a service's: a connection may be lost while it is made
    });
    return {
      options: {
        urls: { commands: url, broadcasts: url, events: url },
        technologies: [postgres],
        store: new PostgresStore(dataSource, { service }),
      },
      way,
      cut: () => sum(roads.map((road) => road.cut())),
      swallow: () => sum(roads.map((road) => road.swallow())),
      silence: () => sum(roads.map((road) => road.silence())),
      back: () => roads.forEach((road) => road.up()),
      kill: () => sum(roads.map((road) => road.down())),
      alive: () => roads.some(({ connections: traffic }) => traffic > 0),
      close: async () => {
        if (dataSource.isInitialized) await dataSource.destroy().catch(() => undefined);
        for (const road of roads) await road.close();
      },
    };
  }

  const outbox = apart
    ? true
    : 'its messages are in the database of the transaction: where that is away nothing commits';
  return {
    technology: `postgres, ${where}`,
    features: {
      offers: {
        death: true,
        cuts: true,
        persistent: true,
        orphans: true,
        forgets: true,
        broker: 'the database itself is killed in npm run chaos (F08)',
        outbox,
        refuses: apart ? true : outbox,
        confirms: apart ? true : outbox,
        limits: 'what is larger goes by claim check',
      },
      lateness: 1_500,
    },
    setUp: async () => {
      data = await TrialDatabase.create([]);
      messages = apart ? await TrialDatabase.create([]) : data;
    },
    tearDown: async () => {
      for (const database of new Set([data, messages])) await database.drop();
    },
    admit: async (service: string) => {
      for (const database of new Set([data, messages])) await database.admit(service);
    },
    open,
    forget: async (_service: string, olderThan: number) => {
      for (const database of new Set([data, messages])) {
        for (const forget of ['forget_handled', 'forget_published'])
          await database.admin.query(`select parley.${forget}($1 * interval '1 ms')`, [olderThan]);
      }
    },
    expire: async () => {
      for (const { admin } of new Set([data, messages])) {
        await admin.query('update parley.lane set until = clock_timestamp() where token <> 0');
        await admin.query('update parley.event_member set until = clock_timestamp()');
      }
    },
    record: async (service: string, tx: Tx, effect: string) => {
      await (tx as EntityManager).query('insert into public.effect (lane, by) values ($1, $2)', [
        effect,
        service,
      ]);
    },
    effects: async (service: string) => {
      const { rows } = await data.admin.query<{ lane: string }>(
        'select lane from public.effect where by = $1 order by number',
        [service],
      );
      return rows.map(({ lane }) => lane);
    },
  };
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);

/** The URL without parameters, as in a service's configuration. */
function plain(url: string): string {
  const bare = new URL(url);
  bare.search = '';
  return bare.href;
}
