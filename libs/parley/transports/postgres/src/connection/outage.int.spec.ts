import type { EntityManager } from 'typeorm';
import { PostgresStore } from '../store/store';
import { TrialDatabase } from '../trial-database.fixture';

let database: TrialDatabase;
let store: PostgresStore;
let close: () => Promise<void>;

beforeAll(async () => {
  database = await TrialDatabase.create(['orders']);
  const dataSource = database.dataSource('orders');
  store = new PostgresStore(dataSource, { service: 'orders' });
  await store.connect();
  close = () => store.close().then(() => dataSource.destroy());
});
afterAll(() => close().then(() => database.drop()));

const insert = (tx: object, lane: string) =>
  (tx as EntityManager).query('insert into public.effect (lane, n) values ($1, 1)', [lane]);
const stored = async (lane: string) =>
  (await database.admin.query('select 1 from public.effect where lane = $1', [lane])).rowCount;
const failure = (work: Promise<unknown>) =>
  work.then(
    () => Promise.reject(new Error('was committed')),
    (error: unknown) => error,
  );

async function terminate(tx: object): Promise<void> {
  const [{ pid }] = (await (tx as EntityManager).query('select pg_backend_pid() as pid')) as [
    { pid: number },
  ];
  await database.admin.query('select pg_terminate_backend($1)', [pid]);
}

describe('a transaction whose database goes away', () => {
  it('took no effect when the database is read-only', async () => {
    const error = await failure(
      store.transaction(async (tx) => {
        await (tx as EntityManager).query('set transaction read only');
        await insert(tx, 'read-only');
      }),
    );
    expect(store.outage(error)).toMatchObject({
      effect: 'none',
      message: 'the database is read-only (25006)',
    });
  });

  it('took no effect, and says so, when that is before its commit', async () => {
    const error = await failure(
      store.transaction(async (tx) => {
        await insert(tx, 'before');
        await terminate(tx);
        await insert(tx, 'before');
      }),
    );
    expect(store.outage(error)).toMatchObject({ effect: 'none' });
    expect(await stored('before')).toBe(0);
  });

  it('is in doubt, and says so, when that is under its commit', async () => {
    const error = await failure(
      store.transaction(async (tx) => {
        await insert(tx, 'under');
        await terminate(tx);
      }),
    );
    expect(store.outage(error)).toMatchObject({
      effect: 'unknown',
      message: expect.stringContaining('committed'),
    });
  });
});
