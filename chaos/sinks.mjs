// The state after a run: the books of the payment provider, the mails, and the services' own books.
import { setTimeout as sleep } from 'node:timers/promises';
import { readBooks, withDatabase } from '../tools/shop/books-read.mjs';
import { messageOf } from '../tools/terminal/errors.mjs';

/** @import { Run } from '../tools/dev/run-file.mjs' */
/** @import { DeadRow, LoggedEvent, Rest, Sinks } from './record.mjs' */

/** In the order in which subscriptions read them. */
const EVENTS = `select e.id::text, e.contract, e.key, e.message, convert_from(e.body, 'UTF8')::json as body
  from parley.event e
  left join (select b.part, b.made, b.first, entry.id, entry.place from parley.event_batch b, unnest(b.ids) with ordinality entry (id, place)) o on o.id = e.id
  order by e.part, o.first + o.place nulls last, e.id`;
const LEFT = `select (select count(*)::int from parley.outbox) as outbox, (select count(*)::int from parley.message) as queued,
  (select count(*)::int from parley.later) as delayed, (select count(*)::int from parley.parked) as parked,
  (select count(*)::int from orders.saga_timeout) as timers,
  (select coalesce(sum(head.next - p.pos), 0)::int from parley.event_position p join parley.event_head head using (part)) as lag`;
/** At rest: nothing under way, every order at its end, and every projection up to date. */
const OPEN = `select (select count(*)::int from orders.order_view where finished_at is null) as orders,
  (select count(*)::int from orders.saga where ended_at is null) as sagas,
  (select count(*)::int from orders.order_view) - (select count(*)::int from insights.order_fact where finished_at is not null and mails > 0) as figures`;

const REDELIVERIES = 'select count(*)::int as count from chaos.redelivery';

/** Longest wait for rest in milliseconds, even with progress. */
const LONGEST_MS = 1_200_000;

/**
 * Asks until all is at rest, or there was no progress for so long: a slow machine may take its
 * time, a stuck message may not.
 * @param {Run} run
 * @param {number} milliseconds
 * @param {(text: string) => void} say
 * @returns {Promise<Rest>}
 */
export async function rest(run, milliseconds, say) {
  const began = performance.now();
  let [moved, fewest, stoodStill] = [began, Infinity, 0];
  for (let looks = 0; ; await sleep(1000)) {
    const open = await stillOpen(run);
    const waiting = Object.entries(open).filter(([, count]) => count !== 0);
    const now = performance.now();
    const left = waiting.reduce((sum, [, count]) => sum + (Number(count) || Infinity), 0);
    stoodStill = Math.max(stoodStill, now - moved);
    if (left < fewest) [fewest, moved] = [left, now];
    const after = (now - began) / 1000;
    if (looks++ % 10 === 0 || !waiting.length)
      say(
        `${after.toFixed(0)} s after healing: ${waiting.map(([what, count]) => `${what} ${count}`).join(', ') || 'at rest'}`,
      );
    if (waiting.length && now - moved < milliseconds && now - began < LONGEST_MS) continue;
    return {
      atRest: !waiting.length,
      after,
      stoodStill: stoodStill / 1000,
      waiting: Object.fromEntries(waiting),
    };
  }
}

/**
 * Counts of the work under way, by its sort; the reason where the database cannot be asked.
 * @param {Run} run
 * @returns {Promise<Record<string, number | string>>}
 */
function stillOpen(run) {
  return withDatabase(run, async (rows) => ({
    ...(await rows(OPEN))[0],
    ...(await rows(LEFT))[0],
  })).catch((error) => ({ unreachable: messageOf(error) }));
}

/**
 * @param {Run} run
 * @returns {Promise<Sinks>}
 */
export function readSinks(run) {
  return withDatabase(run, async (rows) => ({
    ...(await readBooks(rows, run)),
    events: await rows(EVENTS),
    dead: await rows(
      'select q.name as queue, d.message_id, d.contract, d.error, d.cause from parley.dead d join parley.queue q on q.id = d.queue',
    ),
    left: (await rows(LEFT))[0] ?? {},
    redeliveries: Number((await rows(REDELIVERIES))[0]?.['count']),
  }));
}
