// npm run upgrade: whether today's build goes on with what an earlier version left behind. Starts
// the shop of an earlier commit, places orders, stops it while they are half way, and lets today's
// build finish them on the same database, files and brokers.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from './books-read.mjs';
import { checkOut, copyToday, removeCheckout } from './checkout.mjs';
import { readJson } from './http-json.mjs';
import { inventOrder } from './invented-orders.mjs';
import { eachOf, placeOrder } from './place-order.mjs';
import { findingsTable, reconciled } from './reconcile.mjs';
import { ShopFolder } from './shop-folder.mjs';
import { commandLine, wholeNumber } from '../terminal/command-line.mjs';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { bar, Progress, seconds } from '../terminal/progress.mjs';

/** @import { Run } from '../dev/run-file.mjs' */

const root = path.resolve(import.meta.dirname, '../..');
process.chdir(root);

const HELP = `npm run upgrade [-- options]   does today's build go on with what an earlier version left behind?

  --from COMMIT     the earlier version (default c144b69)
  --on a,b          what carries messages instead of PostgreSQL, as for npm start; the brokers must run,
                    and nothing else may use them (npm run brokers -- up …)
  --orders N        orders that the earlier version takes, before it is stopped half way (default 50)
  --wait SECONDS    how long today's build may take for them (default 180)
  --keep            leaves both folders, with their logs and data, where they are
  --help

Ports: PARLEY_PORT and PARLEY_POSTGRES_PORT, as for npm start.
Exits 1 when an order does not come to its end, or when the books do not agree.`;

/** Orders that today's build takes on top. */
const MORE = 10;
const AT_A_TIME = 25;

const { values } = commandLine(HELP, {
  options: {
    from: { type: 'string', default: 'c144b69' },
    on: { type: 'string', default: '' },
    orders: { type: 'string', default: '50' },
    wait: { type: 'string', default: '180' },
    keep: { type: 'boolean', default: false },
  },
});
const { from, keep } = values;
const orders = wholeNumber('orders', values.orders, 1);
const wait = wholeNumber('wait', values.wait, 1) * 1000;
const technologies = values.on.split(',').filter((name) => name && name !== 'postgres');

const progress = new Progress();
const began = performance.now();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-upgrade-'));
fs.chmodSync(folder, 0o711); // PostgreSQL may run as another user
const ports = {
  PARLEY_PORT: process.env.PARLEY_PORT ?? '14000',
  PARLEY_POSTGRES_PORT: process.env.PARLEY_POSTGRES_PORT ?? '15432',
};
const before = new ShopFolder(path.join(folder, 'before'), ports);
const today = new ShopFolder(path.join(folder, 'today'), ports);

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => void end(new Mistake(`Stopped by ${signal}.`)));

async function upgrade() {
  await checkingOut();
  await starting(before, `the shop of ${from}`);
  await halfWay();
  await before.stop();
  copyToday(today.folder);
  fs.renameSync(path.join(before.folder, '.data'), path.join(today.folder, '.data'));
  await starting(today, "today's build, on the same data");
  await placeAll(today, MORE, orders);
  await allEnded();
  await judge();
}

/**
 * Progress of the steps.
 * @param {string} line
 */
const say = (line) => progress.send(`${line} (${seconds(performance.now() - began)})`);

async function checkingOut() {
  progress.waitFor(`checking out ${from}`);
  await checkOut(from, before.folder, () => progress.waitFor(`npm ci of ${from}`));
  say(`${from} is checked out`);
}

/**
 * @param {ShopFolder} shop
 * @param {string} name
 */
async function starting(shop, name) {
  progress.waitFor(`starting ${name}`);
  await shop.start(technologies).catch((error) => {
    throw new Mistake(`Starting ${name}: ${messageOf(error)}`);
  });
  say(`Ready: ${name}`);
}

/** As soon as all are placed: the first ones are nearly at their end by then. */
async function halfWay() {
  await placeAll(before, orders, 0);
  const stages = await stagesOf(before);
  if (open(stages) === 0)
    throw new Mistake(`All ${orders} orders ended before the stop: place more with --orders.`);
  say(`Stopping it half way: ${told(stages)}`);
}

/**
 * @param {ShopFolder} shop
 * @param {number} count
 * @param {number} first the number of the first one
 */
async function placeAll(shop, count, first) {
  const gateway = runOf(shop).gatewayUrl;
  const { products } = await readJson(`${gateway}/products`);
  const invented = Array.from({ length: count }, (_, index) =>
    inventOrder(products, first + index),
  );
  let placed = 0;
  await eachOf(invented, AT_A_TIME, async (order) => {
    await placeOrder(gateway, order);
    progress.waitFor(`placing ${bar(++placed, count)}`);
  });
}

async function allEnded() {
  const all = orders + MORE;
  const until = performance.now() + wait;
  for (;;) {
    const stages = await stagesOf(today);
    const left = open(stages);
    if (left === 0) return say(`All ${all} orders are at their end: ${told(stages)}`);
    if (performance.now() > until)
      throw new Mistake(
        `${left} of ${all} orders did not come to their end within ${wait / 1000} s: ${told(stages)}. --keep leaves the logs.`,
      );
    progress.waitFor(`finishing ${bar(all - left, all)}`);
    await sleep(500);
  }
}

async function judge() {
  progress.waitFor('reading the books');
  const findings = await reconciled(30_000, runOf(today));
  progress.done();
  console.log(findingsTable(findings));
  if (!findings.every(({ ok }) => ok)) throw new Mistake('The books do not agree.');
}

/**
 * @param {ShopFolder} shop
 * @returns {Run}
 */
function runOf(shop) {
  const found = shop.run();
  if (!found) throw new Mistake(`The shop does not run any more.\n${shop.lastWords()}`);
  return found;
}

/**
 * Orders by their stage, as their sagas say.
 * @typedef {{ stage: string, count: number, is_over: boolean }[]} Stages
 */

/**
 * @param {ShopFolder} shop
 * @returns {Promise<Stages>}
 */
const stagesOf = (shop) => withDatabase(runOf(shop), (rows) => rows(STAGES));

const STAGES = `select coalesce(s.stage, 'not begun') as stage, count(*)::int as count, bool_and(v.finished_at is not null and s.ended_at is not null) as is_over
  from orders.orders o left join orders.saga s on s.key = o.order_id::text left join orders.order_view v on v.order_id = o.order_id
  group by 1, (v.finished_at is not null and s.ended_at is not null) order by 2 desc`;

/** @param {Stages} stages */
const open = (stages) => stages.reduce((sum, { count, is_over }) => sum + (is_over ? 0 : count), 0);

/** @param {Stages} stages */
const told = (stages) =>
  stages
    .map(({ stage, count, is_over }) => `${count} ${stage}${is_over ? '' : ' (open)'}`)
    .join(', ');

/** @param {unknown} [error] undefined: all is well */
async function end(error) {
  progress.done();
  await Promise.all([before.stop(), today.stop()]);
  if (keep) console.log(`Both folders are kept: ${folder}`);
  else {
    await removeCheckout(before.folder);
    fs.rmSync(folder, { recursive: true, force: true });
  }
  if (error === undefined) {
    console.log(`✓ Today's build went on with what ${from} had left behind.`);
    process.exit(0);
  }
  console.error(error instanceof Mistake ? `✗ ${error.message}` : error);
  process.exit(1);
}

await upgrade().then(end, end);
