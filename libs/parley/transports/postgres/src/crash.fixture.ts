import {
  CONSUMER,
  SENDER,
  type CrashPlace,
  type CrashSite,
  type Entry,
  type Life,
  type UnderWay,
} from '@parley/conformance/crash';
import type { Tx } from '@parley/messaging/transport';
import { DataSource, type EntityManager } from 'typeorm';
import { postgres } from './postgres';
import { PostgresStore } from './store/store';
import { TrialDatabase } from './trial-database.fixture';

const POOL = 5;
const DEADLOCK = '40P01';
const EXPIRE =
  'update parley.lane set until = clock_timestamp() where token <> 0; update parley.event_member set until = clock_timestamp()';

interface Databases {
  /** By service: the address of its data, and of its messages. */
  readonly data: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, string>>;
}

/** In the worker. */
export async function openPlace(
  { data, messages }: Databases,
  { service, instance, passes, log }: Life,
): Promise<CrashPlace> {
  const named = new URL(data[service]!);
  named.searchParams.set('application_name', instance);
  const dataSource = new DataSource({ type: 'postgres', url: named.href, poolSize: POOL });
  const query = (tx: Tx, sql: string, values: unknown[]) =>
    (tx as EntityManager).query(sql, values);
  return {
    urls: { commands: messages[service]!, events: messages[service]! },
    technologies: [postgres],
    store: new PostgresStore(dataSource, { service, log, passes }),
    next: async (tx, kind, key) =>
      ((await query(tx, 'select public.next_of($1, $2) n', [kind, key])) as [{ n: number }])[0].n,
    effect: async (tx, { kind, key, n }) =>
      void (await query(tx, 'insert into public.effect_of (kind, key, n) values ($1, $2, $3)', [
        kind,
        key,
        n,
      ])),
    behind: async () =>
      Number(((await dataSource.query('select public.behind() n')) as [{ n: string }])[0].n),
  };
}

/** In the driver: messages in the services' own database, or in another. */
export async function postgresSite(where: 'own database' | 'another database'): Promise<CrashSite> {
  const data = await TrialDatabase.create([SENDER, CONSUMER]);
  const messages =
    where === 'another database' ? await TrialDatabase.create([SENDER, CONSUMER]) : data;
  await data.admin.query(BOOKS);
  return new PostgresSite(where, data, messages);
}

class PostgresSite implements CrashSite {
  readonly name: string;
  readonly module = __filename;
  readonly data: Databases;
  readonly relays: boolean;

  constructor(
    where: string,
    private readonly books: TrialDatabase,
    private readonly messages: TrialDatabase,
  ) {
    this.name = `postgres, ${where}`;
    this.relays = messages !== books;
    const urls = (database: TrialDatabase) =>
      Object.fromEntries(
        [SENDER, CONSUMER].map((service) => [service, plain(database.url(service))]),
      );
    this.data = { data: urls(books), messages: urls(messages) };
  }

  async underWay(service: string, instance: string): Promise<UnderWay> {
    const [open, leased, outbox] = await Promise.all([
      this.books.admin.query(
        `select from pg_stat_activity where datname = $1 and application_name = $2 and state = 'idle in transaction'`,
        [this.books.name, instance],
      ),
      this.inAll<{ lane: string }>(
        `select l.lane from parley.lane l join parley.message m using (queue, lane) where l.token <> 0 and m.id = l.head`,
      ),
      this.books.admin.query<{ id: string }>(
        `select convert_from(headers, 'utf8')::jsonb ->> 'id' id from parley.outbox where service = $1`,
        [service],
      ),
    ]);
    const ids = outbox.rows.map(({ id }) => id);
    const published = await this.inAll<{ id: string }>(
      `select message_id id from parley.message where message_id = any($1) union select message from parley.event_published where message = any($1)
      union select message_id from parley.inbox where message_id = any($1)`,
      [ids],
    );
    const unremoved = new Set(published.map(({ id }) => id)).size;
    return {
      transactions: open.rowCount!,
      unacknowledged: service === CONSUMER ? leased.length : 0,
      unpublished: ids.length - unremoved,
      unremoved,
    };
  }

  async expire(): Promise<void> {
    for (const { admin } of this.all()) {
      await admin.query(EXPIRE).catch((error: { code?: string }) => {
        if (error.code !== DEADLOCK) throw error; // a worker takes lanes in another order and went first: try again
        return admin.query(EXPIRE);
      });
    }
  }

  async said(): Promise<readonly Entry[]> {
    return (await this.books.admin.query<Entry>('select kind, key, n from public.said')).rows;
  }

  async effects(): Promise<readonly Entry[]> {
    return (
      await this.books.admin.query<Entry>(
        'select kind, key, n from public.effect_of order by number',
      )
    ).rows;
  }

  async dead(): Promise<readonly Entry[]> {
    const rows = await this.inAll<{ body: { key: string; n: number } }>(
      `select convert_from(body, 'utf8')::jsonb body from parley.dead`,
    );
    return rows.map(({ body: { key, n } }) => ({ kind: 'poison', key, n }));
  }

  async left(): Promise<number> {
    const counts = await this.inAll<{ n: string }>(`
      select (select count(*) from parley.message) + (select count(*) from parley.parked) + (select count(*) from parley.later) + (select count(*) from parley.outbox)
        + (select count(*) from parley.event) - (select sum(next) from parley.event_head)
        + (select coalesce(sum(waiting), 0) from parley.event_backlog(array(select id from parley.event_subscription))) n`);
    return counts.reduce((total, { n }) => total + Number(n), 0);
  }

  async close(): Promise<void> {
    for (const database of this.all()) await database.drop();
  }

  private all(): readonly TrialDatabase[] {
    return [...new Set([this.books, this.messages])];
  }

  private async inAll<Row extends object>(
    sql: string,
    values: unknown[] = [],
  ): Promise<readonly Row[]> {
    return (
      await Promise.all(
        this.all().map(async ({ admin }) => (await admin.query<Row>(sql, values)).rows),
      )
    ).flat();
  }
}

/** The URL without parameters, as in a service's configuration. */
function plain(url: string): string {
  const bare = new URL(url);
  bare.search = '';
  return bare.href;
}

// Messages of a key are numbered by the transaction that sends them, one at a time. Effects are
// numbered as they are made, and may be made twice.
const BOOKS = `
  create table public.said (kind text, key text, n int, primary key (kind, key, n));
  create table public.effect_of (number bigserial primary key, kind text not null, key text not null, n int not null);
  create index on public.effect_of (kind, key, n);
  create function public.next_of(what text, lane text) returns int language plpgsql as $$
  declare number int;
  begin
    perform pg_advisory_xact_lock(hashtext(what), hashtext(lane));
    insert into public.said select what, lane, coalesce(max(s.n), 0) + 1 from public.said s where s.kind = what and s.key = lane returning n into number;
    return number;
  end $$;
  create function public.behind() returns bigint language sql as $$
    select coalesce(sum((select coalesce(max(n), 0) from public.said s where s.kind = w.said and s.key = k.key)
      - (select coalesce(max(n), 0) from public.effect_of e where e.kind = w.effect and e.key = k.key)), 0)
    from (values ('job', 'job'), ('job', 'closed'), ('noted', 'noted')) w(said, effect), (select 'k' || generate_series(0, 99) key) k
  $$;
  grant all on all tables in schema public to public;
  grant all on all sequences in schema public to public;
`;
