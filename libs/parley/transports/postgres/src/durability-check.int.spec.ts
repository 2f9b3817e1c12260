import { Pool } from 'pg';
import { checkDurability } from './durability-check';
import { callerOf } from './log/log.fixture';

describe('PostgreSQL, examined', () => {
  const pool = new Pool({ connectionString: process.env.PARLEY_TEST_POSTGRES, max: 1 });
  afterAll(() => pool.end());

  it('tells that the one of the tests is not to be trusted with anything', async () => {
    expect(await checkDurability(callerOf(pool))).toContainEqual({
      what: 'fsync off',
      verdict: 'unsafe',
      says: expect.stringContaining('set fsync = on'),
    });
  });

  it('goes by what its own connection is told', async () => {
    await pool.query('set synchronous_commit = off');
    expect(await checkDurability(callerOf(pool))).toContainEqual(
      expect.objectContaining({ what: 'synchronous_commit off', verdict: 'unsafe' }),
    );
    await pool.query('set synchronous_commit = on');
    expect(await checkDurability(callerOf(pool))).toContainEqual(
      expect.objectContaining({ what: 'synchronous_commit on', verdict: 'safe' }),
    );
  });
});
