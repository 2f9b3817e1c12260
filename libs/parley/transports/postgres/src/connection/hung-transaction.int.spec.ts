import type { Ending } from '@parley/messaging/transport';
import type { DataSource, EntityManager } from 'typeorm';
import { PostgresStore } from '../store/store';
import { fence } from '../store/transaction';
import { TrialDatabase } from '../trial-database.fixture';
import { until } from '../queue/worker.fixture';

jest.setTimeout(60_000);

const POOL_SIZE = 12;
/** Sooner than the server ends an idle transaction by itself, after 25 s, and a statement. */
const SOON_MS = 20_000;
let database: TrialDatabase;
let dataSource: DataSource;
let store: PostgresStore;

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory']);
});
beforeEach(async () => {
  await database.empty();
  dataSource = database.dataSource('inventory', 'inventory');
  store = new PostgresStore(dataSource, { service: 'inventory' });
  await store.connect();
});
afterEach(async () => {
  await store.close();
  await dataSource.destroy();
});
afterAll(() => database.drop());

/** A handling that a test ends. */
class Handling implements Ending {
  ended?: Error;
  private readonly closing = new Set<() => void>();

  onEnd(close: () => void): () => void {
    this.closing.add(close);
    return () => this.closing.delete(close);
  }

  pause(): () => void {
    return () => undefined;
  }

  end(): void {
    this.ended = new Error('it took too long');
    for (const close of this.closing) close();
  }
}

const insert = (tx: object, n: number) =>
  (tx as EntityManager).query('insert into public.effect (n) values ($1)', [n]);
const numbers = async () =>
  (
    await database.admin.query<{ n: number }>('select n from public.effect order by number')
  ).rows.map(({ n }) => n);
const sessions = async (state: string) => {
  const { rows } = await database.admin.query(
    'select from pg_stat_activity where datname = $1 and application_name = $2 and state = $3',
    [database.name, 'inventory', state],
  );
  return rows.length;
};
const never = () => new Promise<never>(() => undefined);

describe('a transaction that nobody ends', () => {
  it(
    'gives its connection back when its handling is ended, and never commits',
    async () => {
      const handlings = Array.from({ length: POOL_SIZE }, () => new Handling());
      const go = handlings.map((handling, n) => {
        let goOn = () => {};
        const held = new Promise<void>((resolve) => (goOn = resolve));
        const work = store.transaction(
          async (tx) => (await insert(tx, n), await held),
          (tx) => fence(tx, { name: 'last', text: 'select 1' }, []),
          handling,
        );
        return {
          goOn,
          outcome: work.then(
            () => 'committed',
            (error: Error) => error.message,
          ),
        };
      });
      await until(async () => (await sessions('idle in transaction')) === POOL_SIZE);
      const next = store.transaction((tx) => insert(tx, 100));
      for (const handling of handlings) handling.end();
      await next;
      for (const { goOn } of go) goOn();
      expect(new Set(await Promise.all(go.map(({ outcome }) => outcome)))).not.toContain(
        'committed',
      );
      await until(async () => (await sessions('idle in transaction')) === 0);
      expect(await numbers()).toEqual([100]);
    },
    SOON_MS,
  );

  it(
    'does not keep its locks while a statement of it still runs',
    async () => {
      const handling = new Handling();
      const work = store.transaction(
        async (tx) => (
          await insert(tx, 1),
          await (tx as EntityManager).query('lock table public.effect; select pg_sleep(50)')
        ),
        undefined,
        handling,
      );
      const outcome = work.catch((error: Error) => error.message);
      await until(async () => (await sessions('active')) === 1);
      await new Promise((resolve) => setTimeout(resolve, 1_100)); // older than a round trip may be late
      handling.end();
      await store.transaction((tx) => insert(tx, 2));
      expect(await outcome).toContain('terminated');
      expect(await numbers()).toEqual([2]);
    },
    SOON_MS,
  );

  it('does not begin when its handling was ended while it waited for a connection', async () => {
    const busy = Array.from({ length: POOL_SIZE }, () => new Handling());
    const holding = busy.map((handling) =>
      store.transaction(never, undefined, handling).catch(() => undefined),
    );
    const [waiting, begun] = [new Handling(), jest.fn()];
    const late = store.transaction(begun, undefined, waiting);
    waiting.end();
    for (const handling of busy) handling.end();
    await expect(late).rejects.toThrow('it took too long');
    expect(begun).not.toHaveBeenCalled();
    expect(holding).toHaveLength(POOL_SIZE);
    expect(await store.transaction(async () => 'fine')).toBe('fine');
  });
});
