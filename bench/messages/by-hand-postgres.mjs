// The smallest honest code for commands in the service's own PostgreSQL: a table, `skip locked`, and
// the deletion in the transaction of the handling, so that each has one effect.
import pg from 'pg';
import { consumeByHand } from '../measure/queue-by-hand.mjs';
import { read, written } from './order.mjs';

/** @import { Contestant } from './process.mjs' */

const INSTALL = `
  create table public.queue (id bigserial primary key, customer text, body text not null);
  create index on public.queue (customer, id);`;
const SEND = {
  name: 'send',
  text: `with sent as (insert into public.queue (customer, body) values ($1, $2))
    select pg_notify('queue', '')`,
};
const SEND_TOGETHER = {
  name: 'send-together',
  text: `with sent as (insert into public.queue (customer, body) select * from unnest($1::text[], $2::text[]))
    select pg_notify('queue', '')`,
};
/** @param {string} name @param {string} which @param {number} limit */
const taking = (name, which, limit) => ({
  name,
  text: `delete from public.queue where id = any (array(
    select id from public.queue one ${which} order by id limit ${limit} for update skip locked)) returning body`,
});
// The first of a customer that is being handled is still there for all others.
const FIRST_OF_CUSTOMER = `where not exists (
  select from public.queue earlier where earlier.customer = one.customer and earlier.id < one.id)`;
const EFFECT = { name: 'effect', text: 'insert into public.effect (run, n) values ($1, $2)' };

/** @type {Contestant} */
export default {
  async install({ postgres }) {
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query(INSTALL);
    await client.end();
  },

  async producer({ postgres }) {
    const pool = new pg.Pool({ connectionString: postgres, max: 10 });
    /** @param {boolean | undefined} keyed @param {string} customer */
    const key = (keyed, customer) => (keyed ? customer : null);
    return {
      send: (message, { keyed }) =>
        pool.query({ ...SEND, values: [key(keyed, message.customer), written(message)] }),
      sendTogether: (messages, { keyed }) =>
        pool.query({
          ...SEND_TOGETHER,
          values: [messages.map(({ customer }) => key(keyed, customer)), messages.map(written)],
        }),
      end: () => pool.end(),
    };
  },

  async consumer({ postgres }, { keyed, effect, batch, concurrency }, handled) {
    const take = batch
      ? taking('take-batch', '', batch)
      : taking('take', keyed ? FIRST_OF_CUSTOMER : '', 1);
    return consumeByHand({
      postgres,
      channel: 'queue',
      workers: batch ? 1 : concurrency,
      async work(client) {
        const { rows } = await client.query(take);
        for (const { body } of rows) {
          const message = read(JSON.parse(body));
          await handled(message);
          if (effect) await client.query({ ...EFFECT, values: [message.run, message.n] });
        }
        return rows.length;
      },
    });
  },
};
