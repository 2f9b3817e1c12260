import { systemClock } from '@parley/messaging/transport';
import { connectionTo } from '../address';
import { PostgresCarriers } from './carriers';
import { Database } from '../connection/database';
import { TrialDatabase } from '../trial-database.fixture';

let trial: TrialDatabase;
let database: Database;

beforeAll(async () => {
  trial = await TrialDatabase.create(['orders', 'insights']);
  database = Database.open(connectionTo(trial.url('orders')), {
    clock: systemClock,
    log: () => undefined,
  });
});
afterAll(async () => {
  await database.close();
  await trial.drop();
});

const postgres = {
  kind: 'event',
  technology: 'postgres',
  address: '127.0.0.1:5432/parley',
} as const;
const kafka = { kind: 'event', technology: 'kafka', address: '127.0.0.1:9092' } as const;
const commands = { kind: 'command', technology: 'rabbitmq', address: '127.0.0.1:5672' } as const;

describe('the carriers of a service', () => {
  it('are remembered, and told of once when they changed', async () => {
    const carriers = new PostgresCarriers(database, 'orders');
    expect(await carriers.note([postgres, commands])).toEqual([]);
    expect(await carriers.note([postgres, commands])).toEqual([]);
    expect(await carriers.note([kafka, commands])).toEqual([
      { ...postgres, since: expect.any(Date) },
    ]);
    expect(await carriers.note([commands, kafka])).toEqual([]);
    expect(await carriers.note([postgres])).toEqual([{ ...kafka, since: expect.any(Date) }]);
  });

  it('are nobody else’s to note', async () => {
    const foreign = new PostgresCarriers(database, 'insights');
    await expect(foreign.note([kafka])).rejects.toThrow('may not act for the service insights');
    await expect(foreign.unread()).rejects.toThrow('may not act for the service insights');
  });

  it('leave unread what the database still holds for the service: commands, also delayed ones, and events', async () => {
    const carriers = new PostgresCarriers(database, 'orders');
    expect(await carriers.unread()).toEqual([]);
    await trial.admin.query(
      `select parley.send(array['orders','orders','insights'], array[1,2,3]::bigint[], array[gen_random_uuid(),gen_random_uuid(),gen_random_uuid()], array['{}','{}','{}']::bytea[], array['{}','{}','{}']::bytea[], array[0,60000,0]::bigint[])`,
    );
    await database.pool.query(`select parley.subscribe_events('orders.fulfilment', 'beginning')`);
    await trial.admin.query(
      `select parley.append_events(array['orders.placed'], array['k'], array[3]::smallint[], array[gen_random_uuid()], array['{}']::bytea[], array['{}']::bytea[])`,
    );
    await trial.admin.query('select parley.sequence_events()');
    expect(await carriers.unread()).toEqual([
      { kind: 'command', subscription: 'orders', messages: 2 },
      { kind: 'event', subscription: 'orders.fulfilment', messages: 1 },
    ]);
  });
});
