// DBOS: a workflow of three steps in one process, each with a row of its own.
import pg from 'pg';
import { peer } from '../measure/peers.mjs';

/** @import { Contestant } from './process.mjs' */

const STEPS = ['reserve', 'charge', 'ship'];

/** @type {Contestant} */
export default {
  async shop({ postgres }, done) {
    const { DBOS } = await peer('@dbos-inc/dbos-sdk');
    const pool = new pg.Pool({ connectionString: postgres, max: 10 });
    DBOS.setConfig({ name: 'bench', systemDatabaseUrl: postgres, logLevel: 'error' });
    const fulfil = DBOS.registerWorkflow(
      async (/** @type {number} */ n) => {
        for (const step of STEPS)
          await DBOS.runStep(
            () =>
              pool
                .query('insert into public.effect (run, n) values ($1, $2)', [step, n])
                .then(() => 1),
            { name: step },
          );
      },
      { name: 'fulfil' },
    );
    await DBOS.launch();
    return async (n) => {
      const handle = await DBOS.startWorkflow(fulfil, { workflowID: String(n) })(n);
      await handle.getResult();
      done(n);
    };
  },
};
