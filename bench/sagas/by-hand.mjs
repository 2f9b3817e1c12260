// A saga by hand in seven commits: a table of messages for each service, `skip locked`, and one
// transaction for what is taken, what it changes and what it says.
import pg from 'pg';
import { consumeByHand } from '../measure/queue-by-hand.mjs';

/** @import { Contestant } from './process.mjs' */

const STEPS = ['reserve', 'charge', 'ship'];
const WORKERS = 10;

const INSTALL = `
  create table public.saga (n int primary key, stage text not null);
  create table public.to_shop (id bigserial primary key, step text not null, n int not null);
  create table public.to_warehouse (id bigserial primary key, step text not null, n int not null);`;

/** @param {'shop' | 'warehouse'} to */
const saying = (to) => ({
  name: `say-${to}`,
  text: `with said as (insert into public.to_${to} (step, n) values ($1, $2)) select pg_notify('${to}', '')`,
});
const START = {
  name: 'start',
  text: `with begun as (insert into public.saga (n, stage) values ($1, 'reserve')),
    said as (insert into public.to_warehouse (step, n) values ('reserve', $1)) select pg_notify('warehouse', '')`,
};

const STEP = {
  name: 'step',
  text: 'update public.saga set stage = $3 where n = $1 and stage = $2',
};
const EFFECT = { name: 'effect', text: 'insert into public.effect (run, n) values ($1, $2)' };

/** @param {'shop' | 'warehouse'} queue */
const taking = (queue) => ({
  name: `take-${queue}`,
  text: `delete from public.to_${queue} where id = (
    select id from public.to_${queue} order by id limit 1 for update skip locked) returning step, n`,
});

/** @type {Contestant} */
export default {
  async install({ postgres }) {
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query(INSTALL);
    await client.end();
  },

  async shop({ postgres }, done) {
    const pool = new pg.Pool({ connectionString: postgres, max: WORKERS });
    await consumeByHand({
      postgres,
      channel: 'shop',
      workers: WORKERS,
      async work(client) {
        const [message] = (await client.query(taking('shop'))).rows;
        if (!message) return 0;
        const { step, n } = message;
        const following = STEPS[STEPS.indexOf(step) + 1];
        const { rowCount } = await client.query({
          ...STEP,
          values: [n, step, following ?? 'done'],
        });
        if (rowCount !== 1) return 1;
        if (following) await client.query({ ...saying('warehouse'), values: [following, n] });
        else done(n);
        return 1;
      },
    });
    return (n) => pool.query({ ...START, values: [n] });
  },

  warehouse: ({ postgres }) =>
    consumeByHand({
      postgres,
      channel: 'warehouse',
      workers: WORKERS,
      async work(client) {
        const [message] = (await client.query(taking('warehouse'))).rows;
        if (!message) return 0;
        const values = [message.step, message.n];
        await client.query({ ...EFFECT, values });
        await client.query({ ...saying('shop'), values });
        return 1;
      },
    }),
};
