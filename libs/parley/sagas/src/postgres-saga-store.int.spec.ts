import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { PostgresSagaStore } from './postgres-saga-store';
import { sagaMigrations } from './saga-migrations';
import { describeSagaStore } from './saga-store.suite';

jest.setTimeout(60_000);

const url = process.env.PARLEY_TEST_POSTGRES!;

/** A schema of its own, as each service has one. */
async function ownSchema(): Promise<DataSource> {
  const schema = `saga_${randomUUID().slice(0, 8)}`;
  const admin = await new DataSource({ type: 'postgres', url }).initialize();
  await admin.query(`create schema "${schema}"`);
  await admin.destroy();
  return new DataSource({
    type: 'postgres',
    url,
    schema,
    migrations: sagaMigrations,
    migrationsRun: true,
    poolSize: 12,
  }).initialize();
}

async function drop(database: DataSource): Promise<void> {
  await database.query(`drop schema "${(database.options as { schema: string }).schema}" cascade`);
  await database.destroy();
}

describeSagaStore('PostgreSQL', async () => {
  const database = await ownSchema();
  return {
    store: new PostgresSagaStore(),
    transaction: (work) => database.transaction(work),
    close: () => drop(database),
  };
});

describe('the lock of a saga in PostgreSQL', () => {
  const store = new PostgresSagaStore();
  let database: DataSource;
  beforeAll(async () => {
    database = await ownSchema();
    const saga = {
      name: 'trip',
      key: 'locked',
      state: {},
      done: false,
      correlationId: 'c',
      traceparent: 't',
    };
    const arm = [{ name: 'overdue', after: -1_000, times: 0 }];
    await database.transaction((tx) =>
      store.start(tx, [
        {
          ...saga,
          arm,
          entry: { at: '2026-01-01T00:00:00.000Z', trigger: 'start', said: [] },
        },
      ]),
    );
  });
  afterAll(() => drop(database));

  it('S10 is waited for a while only; what fails then may be tried again', async () => {
    await database.transaction(async (holder) => {
      await store.load(holder, 'trip', ['locked']);
      const waiting = database.transaction(async (tx) => {
        await tx.query(`set local lock_timeout = '50ms'`);
        await store.load(tx, 'trip', ['locked']);
      });
      await expect(waiting).rejects.toThrow('lock timeout');
    });
    await expect(
      database.transaction((tx) => store.load(tx, 'trip', ['locked'])),
    ).resolves.toBeDefined();
  });

  it('bounds the waiting by itself', async () => {
    await database.transaction(async (tx) => {
      await store.load(tx, 'trip', ['locked']);
      expect(await tx.query('show lock_timeout')).toEqual([{ lock_timeout: '5s' }]);
    });
  });

  it('makes a timeout wait for its saga: another instance passes it over', async () => {
    const known = [{ saga: 'trip', name: 'overdue' }];
    await database.transaction(async (holder) => {
      await store.load(holder, 'trip', ['locked']);
      expect(await database.transaction((tx) => store.claim(tx, known))).toBeUndefined();
    });
    expect(await database.transaction((tx) => store.claim(tx, known))).toBeDefined();
  });

  it('takes its tables away again', async () => {
    for (const _ of database.migrations) await database.undoLastMigration();
    expect(
      await database.query('select to_regclass($1) as saga', [
        `${(database.options as { schema: string }).schema}.saga`,
      ]),
    ).toEqual([{ saga: null }]);
    await database.runMigrations();
  });
});
