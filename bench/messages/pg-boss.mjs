// pg-boss with notifications, and fetches that go on while they come back full. It completes the
// jobs of a fetch together; a job whose process dies after its handling is handled again.
import pg from 'pg';
import { peer } from '../measure/peers.mjs';
import { read } from './order.mjs';

/** @import { Contestant } from './process.mjs' */
/** @import { Order } from './order.mjs' */

const QUEUES = { keyless: 'standard', keyed: 'key_strict_fifo' };
/** @param {boolean | undefined} keyed */
const queueOf = (keyed) => (keyed ? 'keyed' : 'keyless');
/** @param {boolean | undefined} keyed @param {Order} message */
const laneOf = (keyed, { customer }) => (keyed ? { singletonKey: customer } : {});

/**
 * @param {string} connectionString
 * @param {object} [options]
 */
async function started(connectionString, options) {
  const { PgBoss } = await peer('pg-boss');
  const boss = new PgBoss({ connectionString, max: 10, schedule: false, ...options });
  boss.on('error', (/** @type {unknown} */ error) => console.error(error));
  await boss.start();
  return boss;
}

/** @type {Contestant} */
export default {
  async install({ postgres }) {
    const boss = await started(postgres);
    for (const [name, policy] of Object.entries(QUEUES))
      await boss.createQueue(name, { policy, notify: true });
    await boss.stop();
  },

  async producer({ postgres }) {
    const boss = await started(postgres);
    return {
      send: (message, { keyed }) =>
        boss.send(queueOf(keyed), read(message), laneOf(keyed, message)),
      sendTogether: (messages, { keyed }) =>
        boss.insert(
          queueOf(keyed),
          messages.map((message) => ({ data: read(message), ...laneOf(keyed, message) })),
        ),
      end: () => boss.stop(),
    };
  },

  async consumer({ postgres }, { keyed, effect, batch, concurrency }, handled) {
    const boss = await started(postgres, { useListenNotify: true });
    const pool = new pg.Pool({ connectionString: postgres, max: concurrency });
    const options = {
      batchSize: batch ?? concurrency,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
      notifyPollingIntervalSeconds: 0.5,
    };
    await boss.work(queueOf(keyed), options, async (/** @type {{ data: unknown }[]} */ jobs) => {
      await Promise.all(
        jobs.map(async ({ data }) => {
          const message = read(data);
          await handled(message);
          if (effect)
            await pool.query('insert into public.effect (run, n) values ($1, $2)', [
              message.run,
              message.n,
            ]);
        }),
      );
    });
    return async () => {
      await boss.stop();
      await pool.end();
    };
  },
};
