// BullMQ on a Redis that writes every change to the disk before it answers (appendfsync always). A
// job whose process dies after its handling is handled again.
import pg from 'pg';
import { peer } from '../measure/peers.mjs';
import { read } from './order.mjs';

/** @import { Contestant } from './process.mjs' */

const OPTIONS = { removeOnComplete: true, removeOnFail: false, attempts: 3 };
/** @param {string} url */
const connectionTo = (url) => ({ url, maxRetriesPerRequest: null });

/** @type {Contestant} */
export default {
  async producer({ redis, name }) {
    const { Queue } = await peer('bullmq');
    const queue = new Queue(name, { connection: connectionTo(redis) });
    return {
      send: (message) => queue.add('pack', read(message), OPTIONS),
      sendTogether: (messages) =>
        queue.addBulk(
          messages.map((message) => ({ name: 'pack', data: read(message), opts: OPTIONS })),
        ),
      end: async () => {
        await queue.obliterate({ force: true });
        await queue.close();
      },
    };
  },

  async consumer({ redis, postgres, name }, { effect, batch, concurrency }, handled) {
    const { Worker } = await peer('bullmq');
    const pool = new pg.Pool({ connectionString: postgres, max: concurrency });
    const worker = new Worker(
      name,
      async (/** @type {{ data: unknown }} */ { data }) => {
        const message = read(data);
        await handled(message);
        if (effect)
          await pool.query('insert into public.effect (run, n) values ($1, $2)', [
            message.run,
            message.n,
          ]);
      },
      { connection: connectionTo(redis), concurrency: batch ?? concurrency },
    );
    await worker.waitUntilReady();
    return async () => {
      await worker.close();
      await pool.end();
    };
  },
};
