// The consumer of a queue by hand: workers that each take what waits in a transaction of their own,
// and sleep until PostgreSQL notifies one of them.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** For a notification that was lost with its connection. */
const POLL_MS = 1_000;

/**
 * @param {object} options
 * @param {string} options.postgres
 * @param {string} options.channel
 * @param {number} options.workers
 * @param {(client: pg.PoolClient) => Promise<number>} options.work in a transaction; resolves to the
 * number of messages it took
 * @param {boolean} [options.wakesAll] each has a part of its own
 * @returns {Promise<() => Promise<void>>} ends it in an orderly way
 */
export async function consumeByHand({ postgres, channel, workers, work, wakesAll = false }) {
  const pool = new pg.Pool({ connectionString: postgres, max: workers });
  const bell = new pg.Client({ connectionString: postgres });
  await bell.connect();
  await bell.query(`listen ${channel}`);
  /** @type {Set<() => void>} */
  const sleepers = new Set();
  bell.on('notification', () => {
    for (const wake of sleepers) {
      sleepers.delete(wake);
      wake();
      if (!wakesAll) return; // one message, one worker
    }
  });
  let isOver = false;

  const working = Array.from({ length: workers }, async () => {
    const client = await pool.connect();
    while (!isOver) {
      /** @type {() => void} */
      let wake = () => {};
      const rung = new Promise((resolve) => (wake = () => resolve(undefined)));
      sleepers.add(wake); // before looking: none is missed
      await client.query('begin');
      const taken = await work(client);
      await client.query('commit');
      if (taken === 0 && !isOver)
        await Promise.race([rung, sleep(POLL_MS, undefined, { ref: false })]);
      sleepers.delete(wake);
    }
    client.release();
  });
  return async () => {
    isOver = true;
    for (const wake of sleepers) wake();
    await Promise.all(working);
    await bell.end();
    await pool.end();
  };
}
