import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplication } from '@nestjs/common';
import { Messaging, Messenger } from '@parley/messaging';
import { postgres, PostgresStore } from '@parley/postgres';
import type { DataSource } from 'typeorm';
import { BookFlight, FlightBooked, TripRequested } from './booking.fixture';
import { FULL, Refusals, serve, SILENT, stop } from './journey.fixture';
import { idsFor } from './ids';
import { SagaOperations } from './saga-operations';
import type { SagaDetails } from './saga-store';
import { type Service, SERVICES, TripDatabase } from './trip-database.fixture';

jest.setTimeout(60_000);

/** Between two looks at a saga, which the service under test needs for its work. */
const LOOK_MS = 10;

const hasFailed = ({ failures }: { readonly failures: number }): boolean => failures > 0;

describe('sagas in PostgreSQL, their messages too', () => {
  const database = new TripDatabase();
  const apps: INestApplication[] = [];
  let trips: INestApplication;
  let sql: DataSource;

  const start = async (service: Service) => {
    const dataSource = await database.connect(service);
    const url = database.url(database.role(service));
    const store = new PostgresStore(dataSource, { service });
    const app = await serve(service, {
      urls: { commands: url, events: url, broadcasts: url },
      technologies: [postgres],
      store,
    });
    apps.push(app);
    return app;
  };
  beforeAll(async () => {
    await database.create();
    for (const service of SERVICES) await start(service);
    trips = apps[0]!;
    sql = database.dataSources[0]!;
  });
  afterAll(async () => {
    await Promise.all(apps.map(stop));
    await database.drop();
  });

  const request = (tripId: string, city = 'Rome') =>
    trips.get(Messenger).publish(TripRequested, { tripId, city });
  const find = (tripId: string) => trips.get(SagaOperations).find('trip', tripId);
  const until = async (
    tripId: string,
    enough: (saga: SagaDetails) => unknown,
  ): Promise<SagaDetails> => {
    for (const giveUp = Date.now() + 30_000; ;) {
      const saga = await find(tripId);
      if (saga && enough(saga)) return saga;
      if (Date.now() > giveUp)
        throw new Error(`${tripId} did not get there: ${JSON.stringify(saga)}`);
      await sleep(LOOK_MS);
    }
  };
  const ended = (tripId: string) => until(tripId, ({ done }) => done);
  const makeDue = (tripId: string) =>
    sql.query(
      `update saga_timeout set due = clock_timestamp() where key = $1 and name = 'in flying'`,
      [tripId],
    );

  it('go their whole way, many at once', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => `many-${n}`);
    await Promise.all(ids.map((id) => request(id)));
    for (const id of ids)
      expect(await ended(id)).toMatchObject({ stage: 'booked', version: 3, timeouts: [] });
    expect(await sql.query('select count(*)::int from saga_timeout')).toEqual([{ count: 0 }]);
  });

  it('S3 S4 step only together with what they say: a local command that fails takes all of it back', async () => {
    const refusals = trips.get(Refusals, { strict: false });
    refusals.failures = 2;
    await request(`back-${FULL}`);
    const saga = await ended(`back-${FULL}`);
    expect(saga).toMatchObject({ stage: 'refused', version: 4 });
    expect(saga.history).toHaveLength(4);
    expect(refusals.all.map(({ tripId }) => tripId)).toEqual([`back-${FULL}`]);
  });

  it('S1 start once, however often their start is told', async () => {
    await Promise.all([request('told'), request('told'), request('told')]);
    expect((await ended('told')).history).toHaveLength(3);
  });

  it('take the step of a timeout that is due, once, though two instances look for it', async () => {
    const other = await start('trips');
    await request('silent', SILENT);
    await until('silent', ({ timeouts }) => timeouts.length === 2);
    await makeDue('silent');
    const saga = await until('silent', ({ version }) => version > 1);
    expect(saga).toMatchObject({
      version: 2,
      stage: 'flying',
      history: [{}, { trigger: 'in flying', said: [BookFlight.name] }],
    });
    expect(saga.timeouts).toMatchObject([
      { name: 'in flying', times: 1 },
      { name: 'overdue', times: 0 },
    ]);
    apps.splice(apps.indexOf(other), 1);
    await stop(other);
  });

  it('count a step of a timeout that ended its process as failed, and take it again later', async () => {
    await request('deadly', SILENT);
    const { name, key, version } = await until('deadly', () => true);
    const step = idsFor(name, key, `in flying ${version}`)('step');
    const { suspects } = trips.get(Messaging).store!;
    await suspects!.begin('trips.trip', step, 'trips-0');
    await makeDue('deadly');
    const [failed] = (await until('deadly', ({ timeouts }) => timeouts.some(hasFailed))).timeouts;
    expect(failed).toMatchObject({
      failures: 1,
      error: expect.stringMatching(/^its process ended.* trips-0$/),
    });
    await until('deadly', ({ version }) => version === 2);
    expect(await suspects!.unfinished('trips.trip', step)).toEqual([]);
  });

  it('survive the end of their process: the next one goes on, timeouts included', async () => {
    await request('survivor', SILENT);
    await until('survivor', () => true);
    apps.splice(apps.indexOf(trips), 1);
    await stop(trips);
    await makeDue('survivor');
    trips = await start('trips');
    await until('survivor', ({ version }) => version === 2);
    await sql.query(
      `update saga_timeout set due = clock_timestamp(), times = 2 where key = 'survivor' and name = 'in flying'`,
    );
    expect(await ended('survivor')).toMatchObject({ stage: 'refused', timeouts: [] });
    const flights = apps[0]!.get(Messenger);
    await flights.publish(FlightBooked, { tripId: 'survivor', seat: '4A' });
  });
});
