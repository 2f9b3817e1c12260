import { systemClock } from '@parley/messaging/transport';
import { streamPositionsSuite } from '@parley/conformance';
import { Database } from '../connection/database';
import { PostgresStreamPositions } from './stream-positions';
import { connectionTo } from '../address';
import { TrialDatabase } from '../trial-database.fixture';

let trial: TrialDatabase;
const opened: Database[] = [];

const open = (service: string) => {
  const database = Database.open(connectionTo(trial.url(service)), {
    clock: systemClock,
    log: () => undefined,
  });
  opened.push(database);
  return new PostgresStreamPositions(database);
};

beforeAll(async () => {
  trial = await TrialDatabase.create(['insights', 'orders']);
});
afterAll(async () => {
  await Promise.all(opened.map((database) => database.close()));
  await trial.drop();
});

streamPositionsSuite('positions in PostgreSQL', 'insights', async () => open('insights'));

describe('positions in PostgreSQL', () => {
  it('are nobody else’s to move', async () => {
    const foreign = open('orders');
    const reader = { subscription: 'insights.trial', stream: 'orders.events' };
    await expect(foreign.know(reader, [], '')).rejects.toThrow(
      'may not act for the service insights',
    );
    await expect(foreign.lease(reader, 'me', 1_000, true)).rejects.toThrow(
      'may not act for the service insights',
    );
    await expect(foreign.advance(reader, [], true)).rejects.toThrow(
      'may not act for the service insights',
    );
    await expect(foreign.leave(reader, 'me')).rejects.toThrow(
      'may not act for the service insights',
    );
  });
});
