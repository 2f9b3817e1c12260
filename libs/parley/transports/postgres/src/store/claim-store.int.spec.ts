import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock, type TransportContext } from '@parley/messaging/transport';
import { postgres } from '../postgres';
import { PostgresStore } from './store';
import { TrialDatabase } from '../trial-database.fixture';

let database: TrialDatabase;
const context: TransportContext = {
  service: 'scans',
  instance: 'scans-1',
  clock: systemClock,
  log: () => undefined,
};

beforeAll(async () => void (database = await TrialDatabase.create(['scans', 'viewer'])));
afterAll(() => database.drop());

const claim = (bytes = 1_000) => ({ id: randomUUID(), body: randomBytes(bytes) });
const kept = async (): Promise<number> =>
  Number(
    (await database.admin.query<{ n: string }>('select count(*) n from parley.claim')).rows[0]!.n,
  );

describe('claims in PostgreSQL', () => {
  it('are fetched by other services of the installation, whole', async () => {
    const [ours, theirs] = ['scans', 'viewer'].map((service) =>
      postgres.openClaims!(database.url(service), context),
    );
    const large = claim(20_000_000);
    await ours!.put([large, claim(0)]);
    expect((await theirs!.get(large.id))!.equals(large.body)).toBe(true);
    await ours!.put([{ id: large.id, body: Buffer.from('another') }]); // said again after an unknown outcome
    expect((await theirs!.get(large.id))!.length).toBe(20_000_000);
    expect(await theirs!.get(randomUUID())).toBeUndefined();
    await Promise.all([ours!.close(), theirs!.close()]);
  });

  it('are stored by the transaction of the service, or not at all', async () => {
    const dataSource = database.dataSource('scans');
    const store = new PostgresStore(dataSource, { service: 'scans' });
    await store.connect();
    const [lost, stored] = [claim(), claim()];
    expect(await store.claims.sharesDatabaseWith(store)).toBe(true);
    await expect(
      store.transaction(
        async (tx) => (await store.claims.put([lost], tx), await Promise.reject(new Error('no'))),
      ),
    ).rejects.toThrow('no');
    await store.transaction((tx) => store.claims.put([stored], tx));
    expect(await store.claims.get(lost.id)).toBeUndefined();
    expect(await store.claims.get(stored.id)).toEqual(stored.body);
    await store.close();
    await dataSource.destroy();
  });

  it('are forgotten when their time is over, at the next start or hour', async () => {
    const brief = postgres.openClaims!(`${database.url('scans')}&days=0.000000001`, context);
    const before = await kept();
    await brief.put([claim(), claim()]);
    expect(await kept()).toBe(before + 2);
    await brief.connect();
    expect(await kept()).toBe(before);
    await brief.close();
  });

  it('want to know for how long', () => {
    expect(() => postgres.openClaims!('postgres://h/d?days=soon', context)).toThrow(
      'days is "soon"',
    );
  });
});
