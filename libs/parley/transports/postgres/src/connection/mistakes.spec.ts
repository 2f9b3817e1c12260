import { systemClock } from '@parley/messaging/transport';
import { Database } from './database';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");

it('a mistake in code is told as what it is where a database is opened', async () => {
  const surroundings = { clock: systemClock, log: () => undefined };
  const database = Database.open({ host: '127.0.0.1' }, surroundings);
  Object.assign(database.pool, { query: () => Promise.reject(bug) });
  await expect(database.installation()).rejects.toBe(bug);
  await database.close();
});
