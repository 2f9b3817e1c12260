// Orders for a running shop: placed, waited for, and what they cost.
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../../tools/shop/books-read.mjs';
import { costNow } from '../../tools/shop/cost.mjs';
import { readJson } from '../../tools/shop/http-json.mjs';
import { inventOrder } from '../../tools/shop/invented-orders.mjs';
import { eachOf, placeOrder } from '../../tools/shop/place-order.mjs';
import { quantile } from '../measure/statistics.mjs';

/** @import { Run } from '../../tools/dev/run-file.mjs' */
/** @import { NewOrder } from '../../tools/shop/invented-orders.mjs' */

const TOKEN = 'tok_ok';
const LOOK_EVERY_MS = 500;
/** After this time without one more order at its end the shop is said to be stuck. */
const PATIENCE_MS = 120_000;
/** Connections of PostgreSQL that come to rest tell their commits within ten seconds. */
const COMMITS_ARE_TOLD_MS = 11_000;

/** @param {readonly string[]} ids */
const endedOf = (ids) => `select status,
    (extract(epoch from placed_at) * 1000)::float8 placed, (extract(epoch from finished_at) * 1000)::float8 finished
  from orders.order_view where order_id in (${ids.map((id) => `'${id}'`).join(', ')}) and finished_at is not null`;

/**
 * How orders come: so many at a time, or so many a second.
 * @typedef {{ count: number, atOnce: number } | { count: number, rate: number }} Load
 */

/**
 * @param {Run} run
 * @param {Load} load
 */
export async function ordersOf(run, load) {
  const { products } = await readJson(`${run.gatewayUrl}/products`);
  const orders = Array.from({ length: load.count }, (_, n) => inventOrder(products, n, TOKEN));
  const before = await costNow(run);
  const ids = await ('rate' in load
    ? paced(run, orders, load.rate)
    : together(run, orders, load.atOnce));
  const { ended, looks } = await allEnded(run, ids);
  const after = await costNow(run);
  await sleep(COMMITS_ARE_TOLD_MS);
  const { commits } = await costNow(run);
  const lost = ended.filter(({ status }) => status !== 'delivered').length;
  if (lost > 0) throw new Error(`${lost} of ${load.count} orders were not delivered`);
  /** @param {number} seconds */
  const each = (seconds) => (seconds / load.count) * 1000;
  const took = ended.map(({ placed, finished }) => finished - placed);
  const first = Math.min(...ended.map(({ placed }) => placed));
  const last = Math.max(...ended.map(({ finished }) => finished));
  return {
    rate: (load.count / (last - first)) * 1000,
    cpuNode: each(after.nodeCpu - before.nodeCpu),
    cpuServer: each(after.postgresCpu - before.postgresCpu),
    commits: (commits - before.commits - looks) / load.count,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
  };
}

/** @param {Run} run @param {NewOrder[]} orders @param {number} atOnce */
async function together({ gatewayUrl }, orders, atOnce) {
  /** @type {string[]} */
  const ids = [];
  await eachOf(orders, atOnce, async (order) => void ids.push(await placeOrder(gatewayUrl, order)));
  return ids;
}

/** @param {Run} run @param {NewOrder[]} orders @param {number} rate */
async function paced({ gatewayUrl }, orders, rate) {
  const started = performance.now();
  const placed = [];
  for (const [n, order] of orders.entries()) {
    await sleep(Math.max(0, started + (n * 1000) / rate - performance.now()));
    placed.push(placeOrder(gatewayUrl, order));
  }
  return Promise.all(placed);
}

/**
 * An order at its end, with its times in milliseconds.
 * @typedef {{ status: string, placed: number, finished: number }} Ended
 */

/**
 * @param {Run} run
 * @param {string[]} ids
 * @returns {Promise<{ ended: Ended[], looks: number }>} looks: the commits of looking
 */
function allEnded(run, ids) {
  return withDatabase(run, async (rows) => {
    let [seen, since] = [-1, performance.now()];
    for (let looks = 1; ; looks++) {
      /** @type {Ended[]} */
      const ended = await rows(endedOf(ids));
      if (ended.length === ids.length) return { ended, looks };
      if (ended.length !== seen) [seen, since] = [ended.length, performance.now()];
      if (performance.now() - since > PATIENCE_MS)
        throw new Error(`${ids.length - seen} of ${ids.length} orders did not come to their end`);
      await sleep(LOOK_EVERY_MS);
    }
  });
}
