import { storeSuite } from '@parley/conformance';
import { DataSource } from 'typeorm';
import { PostgresStore } from './store';
import { TrialDatabase } from '../trial-database.fixture';

let database: TrialDatabase;

beforeAll(async () => {
  database = await TrialDatabase.create(['insights', 'orders', 'a', 'b']);
});
afterAll(() => database.drop());

storeSuite('PostgresStore', async () => {
  await database.empty();
  const opened = await Promise.all([open(), open()]);
  const [first, second] = opened;
  return {
    store: first!.store,
    another: async () => second!.store,
    close: async () => {
      await Promise.all(opened.map(({ close }) => close()));
    },
  };
});

async function open() {
  const url = new URL(process.env.PARLEY_TEST_POSTGRES!);
  url.pathname = `/${database.name}`;
  const dataSource = new DataSource({ type: 'postgres', url: url.href, poolSize: 8 });
  const store = new PostgresStore(dataSource, { service: 'insights' });
  await store.connect();
  return { store, close: () => store.close().then(() => dataSource.destroy()) };
}
