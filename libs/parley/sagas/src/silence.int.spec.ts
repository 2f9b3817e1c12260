import type { INestApplication } from '@nestjs/common';
import { eventually, Gate, TcpProxy } from '@parley/conformance';
import { Messaging, type MessagingOptions, Messenger } from '@parley/messaging';
import { postgres, PostgresStore } from '@parley/postgres';
import type { DataSource } from 'typeorm';
import { BookFlight, TripRequested } from './booking.fixture';
import { idsFor } from './ids';
import { FlightRequests, serve, SILENT, stop } from './journey.fixture';
import { PostgresSagaStore } from './postgres-saga-store';
import type { SagaDetails } from './saga-store';
import { type Service, TripDatabase } from './trip-database.fixture';

jest.setTimeout(150_000);

const TIMEOUT = 'in flying';
/** Milliseconds until the timeout is due, and how long the network is silent after that. */
const [DUE_IN, SILENT_AFTER] = [2_000, 3_000];
/** Milliseconds until the step is taken: a connection is found silent, its session ends. */
const TAKEN_WITHIN = 60_000;

describe.each(['alone', 'beside another instance'])('the timeout of a saga, %s', (company) => {
  const database = new TripDatabase();
  const apps: INestApplication[] = [];
  const others: INestApplication[] = [];
  let struck: INestApplication;
  let road: TcpProxy;
  let sql: DataSource;
  let flights: readonly string[];
  let direct: string;
  /** Called once, when the step of a saga is taken and its transaction about to commit. */
  let atCommit: () => void = () => undefined;

  const start = async (
    service: Service,
    url = database.url(database.role(service)),
    options: Pick<MessagingOptions, 'instance' | 'passes'> = {},
  ) =>
    serve(service, {
      urls: { commands: url, events: url, broadcasts: url },
      technologies: [postgres],
      store: new PostgresStore(await database.connect(service, url), { service }),
      ...options,
    });
  const passes = (): MessagingOptions['passes'] => {
    let isSaved = false;
    return (point) => {
      if (point === 'saga.saved') isSaved = true;
      if (!isSaved || point !== 'transaction.stored') return;
      isSaved = false;
      atCommit();
    };
  };

  beforeAll(async () => {
    await database.create();
    apps.push(await start('flights'), await start('hotels'));
    flights = apps[0]!.get(FlightRequests, { strict: false }).all;
    direct = database.url(database.role('trips'));
    road = await TcpProxy.to(direct, 5432);
    struck = await start('trips', road.along(direct), { instance: 'struck', passes: passes() });
    apps.push(struck);
    sql = await database.connect('trips');
  }, 60_000);
  afterEach(async () => {
    for (const app of others.splice(0)) await stop(app);
  });
  afterAll(async () => {
    await Promise.all(apps.map(stop));
    await database.drop();
    await road.close();
  }, 60_000);

  async function joinedByAnother(): Promise<void> {
    if (company === 'alone') return;
    others.push(await start('trips', direct, { instance: 'well' }));
  }

  const find = (tripId: string) =>
    sql.transaction((tx) => new PostgresSagaStore().find(tx, 'trip', tripId));
  const until = (tripId: string, version: number): Promise<SagaDetails> =>
    eventually(
      () => find(tripId).then((saga) => saga?.version === version && saga),
      `version ${version} of ${tripId}`,
      TAKEN_WITHIN,
    );

  async function flyTo(tripId: string): Promise<void> {
    await struck.get(Messenger).publish(TripRequested, { tripId, city: SILENT });
    await until(tripId, 1);
    await eventually(() => flights.includes(tripId), 'the flight to be asked for');
  }

  async function makeDue(tripId: string, after = 0): Promise<Date> {
    await sql.query(
      `update saga_timeout set due = clock_timestamp() + $2 * interval '1 ms' where key = $1 and name = '${TIMEOUT}'`,
      [tripId, after],
    );
    const { timeouts } = (await find(tripId))!;
    return timeouts.find(({ name }) => name === TIMEOUT)!.due;
  }

  /** Its step was taken once; the struck instance knows that, and goes on. */
  async function firedOnce(tripId: string): Promise<void> {
    for (const app of others.splice(0)) await stop(app);
    const { suspects } = struck.get(Messaging).store!;
    const step = idsFor('trip', tripId, `${TIMEOUT} 1`)('step');
    await eventually(
      () =>
        suspects!.unfinished('trips.trip', step).then(
          (left) => left.length === 0,
          () => false,
        ),
      'the step to have an outcome',
      TAKEN_WITHIN,
    );
    expect(await find(tripId)).toMatchObject({
      version: 2,
      timeouts: [
        { name: TIMEOUT, times: 1, failures: 0 },
        { name: 'overdue', times: 0, failures: 0 },
      ],
    });
    await makeDue(tripId);
    const { history } = await until(tripId, 3);
    const stepped = { trigger: TIMEOUT, said: [BookFlight.name] };
    expect(history).toMatchObject([{ trigger: TripRequested.name }, stepped, stepped]);
    const asked = () => flights.filter((id) => id === tripId).length;
    await eventually(() => asked() >= 3, 'the flights to be asked for');
    expect(asked()).toBe(3);
  }

  it('fires once, not before its time, when the network is silent around it', async () => {
    await flyTo('around');
    expect(road.silence()).toBeGreaterThan(0);
    const due = await makeDue('around', DUE_IN);
    await joinedByAnother();
    if (company !== 'alone') await until('around', 2); // while the struck one hears nothing
    await eventually(async () => {
      const [{ now }] = await sql.query('select clock_timestamp() as now');
      return now.getTime() > due.getTime() + SILENT_AFTER;
    }, 'the time to pass');
    if (company === 'alone') await until('around', 1);

    road.up();
    const { history } = await until('around', 2);
    expect(Date.parse(history[1]!.at)).toBeGreaterThanOrEqual(due.getTime());
    await firedOnce('around');
  });

  it('fires once when the network loses its connections before the commit', async () => {
    await flyTo('before');
    const lost = new Gate();
    atCommit = () => (road.swallow(), lost.open());
    await makeDue('before');
    await lost.opened;
    atCommit = () => undefined;
    await joinedByAnother();
    await until('before', 2);
    await firedOnce('before');
  });

  it('fires once when the network loses the answer to the commit', async () => {
    await flyTo('after');
    const lost = new Gate();
    atCommit = () => (road.dropResponses(), lost.open());
    await makeDue('after');
    await lost.opened;
    atCommit = () => undefined;
    await joinedByAnother();
    await until('after', 2);
    road.down();
    road.up();
    await firedOnce('after');
  });
});
