import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplication } from '@nestjs/common';
import { Messenger, Transactions } from '@parley/messaging';
import { postgres, PostgresStore } from '@parley/postgres';
import { Client } from 'pg';
import type { EntityManager } from 'typeorm';
import { FlightBooked, TripRequested } from './booking.fixture';
import { FlightRequests, serve, SILENT, stop } from './journey.fixture';
import { SagaOperations, type SagaReport } from './saga-operations';
import { type Service, SERVICES, TripDatabase } from './trip-database.fixture';

jest.setTimeout(120_000);

const LOOK_MS = 10;
const PATIENCE_MS = 60_000;

describe('repairs of sagas in PostgreSQL', () => {
  const database = new TripDatabase();
  const apps: INestApplication[] = [];
  let trips: INestApplication;
  let other: INestApplication;

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
    [trips, other] = [apps[0]!, await start('trips')];
  });
  afterAll(async () => {
    await Promise.all(apps.map(stop));
    await database.drop();
  });

  const until = async (tripId: string, enough: (saga: SagaReport) => unknown) => {
    for (const giveUp = Date.now() + PATIENCE_MS; ;) {
      const saga = await trips.get(SagaOperations).find('trip', tripId);
      if (saga && enough(saga)) return saga;
      if (Date.now() > giveUp)
        throw new Error(`${tripId} did not get there: ${JSON.stringify(saga)}`);
      await sleep(LOOK_MS);
    }
  };
  const begun = async (tripId: string, city: string = SILENT) => {
    await trips.get(Messenger).publish(TripRequested, { tripId, city });
    return until(tripId, () => true);
  };
  const repair = (
    app: INestApplication,
    [tripId, verb]: readonly [string, string],
    asked: object,
    who = 'ada',
  ) => app.get(SagaOperations).change(['trip', tripId, verb], asked, who);
  const booked = { step: FlightBooked.name, answer: { seat: '1A' } };

  it('take effect once, though two operators ask at two instances at once', async () => {
    for (let n = 0; n < 10; n++) {
      const tripId = `both-${n}`;
      const { version } = await begun(tripId);
      const asked = { version, reason: 'booked by phone', ...booked };
      const answers = await Promise.all([
        repair(trips, [tripId, 'skip'], asked, 'ada'),
        repair(other, [tripId, 'skip'], asked, 'bob'),
      ]);
      expect(answers.map((one) => one!.status).sort()).toEqual([202, 409]);
      const { history, repairs } = await until(tripId, ({ done }) => done);
      expect(history.map(({ trigger }) => trigger)).toEqual([
        TripRequested.name,
        `${FlightBooked.name}, by hand`,
        'hotels.hotel-booked',
      ]);
      expect(repairs.map(({ outcome }) => outcome === 'done').sort()).toEqual([false, true]);
    }
  });

  it('are told that it changed meanwhile, where they meet a step in flight', async () => {
    const { version } = await begun('in-flight');
    let goOn = () => undefined as void;
    let step: Promise<void> = Promise.resolve();
    await new Promise<void>((locked) => {
      step = trips.get(Transactions).run(async (tx: EntityManager) => {
        await tx.query(`update saga set version = version + 1 where key = 'in-flight'`);
        locked();
        await new Promise<void>((resolve) => (goOn = resolve));
      });
    });
    const answer = repair(other, ['in-flight', 'cancel'], { version, reason: 'x', asItIs: true });
    await database.blocked();
    goOn();
    await step;
    expect(await answer).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('changed meanwhile') },
    });
    expect((await until('in-flight', () => true)).done).toBe(false);
  });

  it('let a timeout run out now, on whichever instance', async () => {
    const { version } = await begun('hurry');
    const requests = apps[1]!.get(FlightRequests, { strict: false });
    const before = requests.all.filter((id) => id === 'hurry').length;
    const asked = { version, reason: 'they are back', timeout: 'in flying' };
    expect((await repair(other, ['hurry', 'retry'], asked))!.status).toBe(202);
    const { timeouts } = await until('hurry', (saga) => saga.version === version + 2);
    expect(timeouts.find(({ name }) => name === 'in flying')).toMatchObject({ times: 1 });
    while (requests.all.filter((id) => id === 'hurry').length === before) await sleep(LOOK_MS);
  });

  it('cost other steps nothing: a start is one statement, a step is two', async () => {
    const asked: string[] = [];
    const query = jest.spyOn(Client.prototype, 'query');
    await begun('counted', 'Rome');
    await until('counted', ({ done }) => done);
    for (const [statement] of query.mock.calls as unknown as [{ name?: string }][])
      if (/^saga_(start|load|save|note)/.test(statement.name ?? ''))
        asked.push(statement.name!.replace('saga_', ''));
    query.mockRestore();
    expect(asked.filter((name) => name !== 'notes')).toEqual([
      ...['start', 'load', 'save', 'load', 'save'],
    ]);
  });
});
