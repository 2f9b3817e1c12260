// Graphile Worker with what its page on performance advises for many short jobs: a local queue, and
// jobs completed in batches. A job whose process dies after its handling is handled again.
import pg from 'pg';
import { peer } from '../measure/peers.mjs';
import { read } from './order.mjs';

/** @import { Contestant } from './process.mjs' */

const TASK = 'pack';
const quiet = async () => {
  const { Logger } = await peer('graphile-worker');
  return new Logger(() => () => {});
};

/** @type {Contestant} */
export default {
  async install({ postgres }) {
    const { runMigrations } = await peer('graphile-worker');
    await runMigrations({ connectionString: postgres, logger: await quiet() });
  },

  async producer({ postgres }) {
    const { makeWorkerUtils } = await peer('graphile-worker');
    const pgPool = new pg.Pool({ connectionString: postgres, max: 10 });
    const utils = await makeWorkerUtils({ pgPool, logger: await quiet() });
    return {
      send: (message) => utils.addJob(TASK, read(message)),
      sendTogether: (messages) =>
        utils.addJobs(messages.map((message) => ({ identifier: TASK, payload: read(message) }))),
      end: async () => {
        await utils.release();
        await pgPool.end();
      },
    };
  },

  async consumer({ postgres }, { effect, concurrency, batch }, handled) {
    const { run } = await peer('graphile-worker');
    const pool = new pg.Pool({ connectionString: postgres, max: concurrency });
    const runner = await run({
      connectionString: postgres,
      concurrency,
      noHandleSignals: true,
      parsedCronItems: [],
      logger: await quiet(),
      preset: {
        worker: {
          maxPoolSize: concurrency + 2,
          ...(batch && {
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          }),
        },
      },
      taskList: {
        [TASK]: async (/** @type {unknown} */ payload) => {
          const message = read(payload);
          await handled(message);
          if (effect)
            await pool.query('insert into public.effect (run, n) values ($1, $2)', [
              message.run,
              message.n,
            ]);
        },
      },
    });
    return async () => {
      await runner.stop();
      await pool.end();
    };
  },
};
