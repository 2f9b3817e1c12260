// The inbox of contestants by hand: a row for each message that was handled, in the transaction of
// its effect.
import pg from 'pg';

/** @import { Order } from './order.mjs' */
/** @import { Work } from './process.mjs' */

const INBOX = {
  name: 'inbox',
  text: 'insert into public.inbox (id) select * from unnest($1::text[]) on conflict do nothing returning id',
};
const EFFECT = { name: 'effect', text: 'insert into public.effect (run, n) values ($1, $2)' };

/** @param {string} postgres */
export async function installInbox(postgres) {
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  await client.query('create table public.inbox (id text primary key)');
  await client.end();
}

/** @param {Order} message */
const idOf = ({ run, n }) => `${run}/${n}`;

/**
 * Handling of a broker's messages: with an inbox each takes effect once, without it a message may
 * be handled again after a failure.
 * @param {string} postgres
 * @param {Work & { inbox: boolean }} work
 * @param {(message: Order) => Promise<void>} handled
 */
export function handling(postgres, { inbox, effect, concurrency }, handled) {
  const pool = new pg.Pool({ connectionString: postgres, max: concurrency });

  /** @param {Order[]} messages */
  async function once(messages) {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query({ ...INBOX, values: [messages.map(idOf)] });
      const fresh = new Set(rows.map(({ id }) => id));
      for (const message of messages) {
        if (!fresh.has(idOf(message))) continue;
        await handled(message);
        if (effect) await client.query({ ...EFFECT, values: [message.run, message.n] });
      }
      await client.query('commit');
    } finally {
      client.release();
    }
  }

  /** @param {Order[]} messages */
  async function atLeastOnce(messages) {
    for (const message of messages) {
      await handled(message);
      if (effect) await pool.query({ ...EFFECT, values: [message.run, message.n] });
    }
  }

  return { handle: inbox ? once : atLeastOnce, end: () => pool.end() };
}
