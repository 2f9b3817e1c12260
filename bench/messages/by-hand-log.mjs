// The smallest honest code for events in PostgreSQL: a log in the order of transactions, and a
// position for each of ten partitions, moved in the transaction of the handling.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { consumeByHand } from '../measure/queue-by-hand.mjs';
import { KEYS, read, written } from './order.mjs';

/** @import { Contestant } from './process.mjs' */
/** @import { Order } from './order.mjs' */

const PARTITIONS = 10;
// By transaction first: one that committed later may have numbers that were given earlier.
const INSTALL = `
  create table public.event (partition int, xid xid8 default pg_current_xact_id(), id bigserial, body text not null);
  create index on public.event (partition, xid, id);
  create table public.position (partition int primary key, xid xid8 not null default '0', id bigint not null default 0);
  insert into public.position (partition) select generate_series(0, ${PARTITIONS - 1});`;
const SEND = {
  name: 'send',
  text: `with sent as (insert into public.event (partition, body) select * from unnest($1::int[], $2::text[]))
    select pg_notify('event', '')`,
};
const POSITION = {
  name: 'position',
  text: 'select partition, xid, id from public.position where partition = $1 for update',
};
/** @param {boolean} settled only what no transaction under way can still come before */
const after = (settled) =>
  `from public.event where partition = $1 and (xid, id) > ($2::xid8, $3::bigint)
   ${settled ? 'and xid < pg_snapshot_xmin(pg_current_snapshot())' : ''}`;
const READ = {
  name: 'read',
  text: `select xid, id, body ${after(true)} order by xid, id limit $4`,
};
const MORE = { name: 'more', text: `select exists (select ${after(false)}) more` };
const MOVE = {
  name: 'move',
  text: 'update public.position set xid = $2, id = $3 where partition = $1',
};
const EFFECT = { name: 'effect', text: 'insert into public.effect (run, n) values ($1, $2)' };
const SETTLING_MS = 1;

/** @param {Order} message */
const partitionOf = ({ n }) => (n % KEYS) % PARTITIONS;

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
    /** @param {Order[]} messages */
    const send = (messages) =>
      pool.query({ ...SEND, values: [messages.map(partitionOf), messages.map(written)] });
    return { send: (message) => send([message]), sendTogether: send, end: () => pool.end() };
  },

  async consumer({ postgres }, { effect, batch = 1 }, handled) {
    let next = 0;
    /** @type {Map<pg.PoolClient, number>} */
    const partitions = new Map();
    return consumeByHand({
      postgres,
      channel: 'event',
      workers: PARTITIONS,
      wakesAll: true,
      async work(client) {
        const partition = partitions.get(client) ?? next++;
        partitions.set(client, partition);
        const [at] = (await client.query({ ...POSITION, values: [partition] })).rows;
        const since = [partition, at.xid, at.id];
        const { rows } = await client.query({ ...READ, values: [...since, batch] });
        for (const { body } of rows) {
          const message = read(JSON.parse(body));
          await handled(message);
          if (effect) await client.query({ ...EFFECT, values: [message.run, message.n] });
        }
        const last = rows.at(-1);
        if (last) {
          await client.query({ ...MOVE, values: [partition, last.xid, last.id] });
          return rows.length;
        }
        const [{ more }] = (await client.query({ ...MORE, values: since })).rows;
        if (more) await sleep(SETTLING_MS);
        return more ? 1 : 0;
      },
    });
  },
};
