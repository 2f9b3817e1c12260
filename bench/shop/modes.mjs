// The benches of the whole shop, ten processes and PostgreSQL by `npm start`: what an order costs,
// starts, memory, and the shop at rest. With `--against` beside an earlier commit.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../../tools/shop/books-read.mjs';
import { costNow } from '../../tools/shop/cost.mjs';
import { findingsTable, reconciled } from '../../tools/shop/reconcile.mjs';
import { cpuSeconds } from '../measure/cpu.mjs';
import { memoriesOf } from '../measure/memory.mjs';
import { ordersOf } from './load.mjs';
import { endShops, prepareShops, runOf, shopOf } from './shops.mjs';

/** @import { Contestant, Context, Figures, Mode } from '../measure/mode.mjs' */
/** @import { ShopFolder } from '../../tools/shop/shop-folder.mjs' */
/** @import { Run } from '../../tools/dev/run-file.mjs' */

/** Orders for code that is not compiled yet. */
const WARM_UP = 150;
const RUSH = { count: 300, atOnce: 50 };
/** Time at a third of the highest rate. */
const THIRD_SECONDS = 30;
const BOOKS_AGREE_WITHIN_MS = 20_000;
/** Time for a shop to come to rest. */
const REST_MS = 30_000;
const IDLE_MS = 120_000;
/** As finely as a start is timed. */
const LOOK_EVERY_MS = 20;

/**
 * Begins with a running shop, and ends it.
 * @param {Contestant} contestant
 * @param {(run: Run, shop: ShopFolder) => Promise<Record<string, Figures>>} work
 */
async function inShop(contestant, work) {
  const shop = shopOf(contestant);
  await shop.start([]);
  try {
    return await work(runOf(shop), shop);
  } finally {
    await shop.stop();
  }
}

/** @type {Mode['measure']} */
const measureOrders = (contestant, { scale, wants }) =>
  inShop(contestant, async (run) => {
    /** @param {number} orders */
    const count = (orders) => Math.max(10, Math.round(orders * scale));
    await ordersOf(run, { ...RUSH, count: count(WARM_UP) });
    const rush = await ordersOf(run, { ...RUSH, count: count(RUSH.count) });
    /** @type {Record<string, Figures>} */
    const figures = wants('rush') ? { rush } : {};
    if (wants('third')) {
      const rate = rush.rate / 3;
      const { p50, p99 } = await ordersOf(run, { count: count(rate * THIRD_SECONDS), rate });
      figures['third'] = { rate, p50, p99 };
    }
    if (contestant.against === undefined) await checkBooks(run);
    return figures;
  });

/**
 * An earlier commit may keep other books than today's rules read.
 * @param {Run} run
 */
async function checkBooks(run) {
  const findings = await reconciled(BOOKS_AGREE_WITHIN_MS, run);
  if (!findings.every(({ ok }) => ok))
    throw new Error(`the books do not agree\n${findingsTable(findings)}`);
}

/** @type {Mode['measure']} */
async function measureStarts(contestant, { wants }) {
  const shop = shopOf(contestant);
  for (const name of ['.data', 'dist'])
    fs.rmSync(path.join(shop.folder, name), { recursive: true, force: true });
  const cold = await timedStart(shop);
  const warm = await timedStart(shop);
  return { ...(wants('cold') && { cold }), ...(wants('warm') && { warm }) };
}

/** @param {ShopFolder} shop @returns {Promise<Figures>} */
async function timedStart(shop) {
  const started = performance.now();
  try {
    await shop.start([], { lookEveryMs: LOOK_EVERY_MS });
    const startSeconds = (performance.now() - started) / 1000;
    const { launcher, postgresPid = 0 } = runOf(shop);
    return { startSeconds, cpuSeconds: cpuSeconds([launcher.pid, postgresPid]) };
  } finally {
    await shop.stop();
  }
}

/** @type {Mode['measure']} */
const measureMemory = (contestant, { scale, wants }) =>
  inShop(contestant, async (run) => {
    await sleep(REST_MS * scale);
    const atRest = memories(run, 'rest');
    if (!wants('load')) return atRest;
    await ordersOf(run, { ...RUSH, count: Math.max(10, Math.round(RUSH.count * scale)) });
    return { ...(wants('rest') && atRest), ...memories(run, 'load') };
  });

/**
 * @param {Run} run
 * @param {string} work
 * @returns {Record<string, Figures>}
 */
function memories({ instances, postgresPid }, work) {
  const found = memoriesOf(instances, postgresPid);
  return Object.fromEntries(found.map(([name, memory]) => [`${work}/${name}`, { memory }]));
}

/** @type {Mode['measure']} */
async function measureIdle(contestant, { scale }) {
  await preloadStatistics(contestant);
  return inShop(contestant, async (run) => {
    await sleep(REST_MS * scale);
    const [before, queries, started] = [
      await costNow(run),
      await queriesOf(run),
      performance.now(),
    ];
    await sleep(IDLE_MS * scale);
    const [after, later, ended] = [await costNow(run), await queriesOf(run), performance.now()];
    const seconds = (ended - started) / 1000;
    /** @param {number} used */
    const aMinute = (used) => (used / seconds) * 60;
    const idle = {
      cpuMinute: aMinute(after.nodeCpu - before.nodeCpu),
      cpuMinuteServer: aMinute(after.postgresCpu - before.postgresCpu),
      queries: (later - queries) / seconds,
    };
    return { idle };
  });
}

const PRELOADED = "alter system set shared_preload_libraries = 'pg_stat_statements'";
const COUNTING = 'create extension if not exists pg_stat_statements schema public';
// Without those of the asking itself.
const QUERIES = `select coalesce(sum(calls), 0)::int calls from public.pg_stat_statements
  where query not like '%pg_stat_%'`;

/**
 * Statements are counted from the next start on.
 * @param {Contestant} contestant
 */
async function preloadStatistics(contestant) {
  const shop = shopOf(contestant);
  if (fs.existsSync(path.join(shop.folder, '.data/postgres'))) return;
  await inShop(contestant, async (run) => {
    await withDatabase(run, async (rows) => {
      await rows(PRELOADED);
      await rows(COUNTING);
    });
    return {};
  });
}

/** @param {Run} run @returns {Promise<number>} since its statistics began */
const queriesOf = (run) =>
  withDatabase(run, async (rows) => (await rows(QUERIES))[0]?.['calls'] ?? 0);

const SETTINGS =
  'ten processes and the embedded PostgreSQL with fsync, as `npm start` runs them; calls between services by its default, all policies on.';

/** @satisfies {Partial<Mode>} */
const SHOP = {
  servers: [],
  limit: 'parley-against',
  compared: '× earlier',
  contestants: [{ name: 'parley', label: 'Parley', file: '', settings: SETTINGS }],
  prepare: prepareShops,
  finish: endShops,
};

/** @type {Mode[]} */
export const SHOP_MODES = [
  {
    ...SHOP,
    name: 'shop',
    what: 'Orders in the whole shop, each from its placing to its parcel; CPU for 1,000 orders, commits of all services for one',
    works: [
      { name: 'rush', what: `${RUSH.count} orders, ${RUSH.atOnce} at once` },
      { name: 'third', what: 'orders at a steady rate, a third of that rush' },
    ],
    measure: measureOrders,
  },
  {
    ...SHOP,
    name: 'start',
    what: 'The whole shop from `npm start` until each of its processes is ready',
    works: [
      { name: 'cold', what: 'nothing is built, and there is no database' },
      { name: 'warm', what: 'built, and with a database' },
    ],
    measure: measureStarts,
  },
  {
    ...SHOP,
    name: 'memory',
    what: 'Memory of each process of the shop, resident; of PostgreSQL, the share that counts shared pages once',
    works: [
      { name: 'rest', what: 'half a minute after its start', by: 'process' },
      { name: 'load', what: `after ${RUSH.count} orders, ${RUSH.atOnce} at once`, by: 'process' },
    ],
    measure: measureMemory,
  },
  {
    ...SHOP,
    name: 'idle',
    what: 'The whole shop while nobody orders',
    works: [{ name: 'idle', what: 'two minutes, from half a minute after its start' }],
    measure: measureIdle,
  },
];
