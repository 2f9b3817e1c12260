// The smallest honest code for broadcasts in PostgreSQL: LISTEN and NOTIFY, validated on both sides.
import pg from 'pg';
import { read, written } from '../messages/order.mjs';

/** @import { Contestant } from './process.mjs' */

const SAY = { name: 'say', text: 'select pg_notify($1, $2)' };

/** @type {Contestant} */
export default {
  async sender({ postgres, name }) {
    const pool = new pg.Pool({ connectionString: postgres, max: 10 });
    return {
      say: (message) => pool.query({ ...SAY, values: [name, written(message)] }),
      end: () => pool.end(),
    };
  },

  async hearer({ postgres, name }, heard) {
    const client = new pg.Client({ connectionString: postgres });
    client.on('notification', ({ payload = '' }) => void heard(read(JSON.parse(payload))));
    await client.connect();
    await client.query(`listen ${name}`);
    return () => client.end();
  },
};
