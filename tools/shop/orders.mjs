// npm run orders: places many orders, waits until each is delivered or rejected, and says how long
// that took and whether the books agree.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { costNow, redeliveriesNow } from './cost.mjs';
import { asCustomer } from './customer.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { readJson } from './http-json.mjs';
import { inventOrder } from './invented-orders.mjs';
import { readOrders } from './order-csv.mjs';
import { bar, Progress, seconds } from '../terminal/progress.mjs';
import { eachOf, placeOrder } from './place-order.mjs';
import { findingsTable, reconciled } from './reconcile.mjs';
import { NO_GATEWAY, NOT_RUNNING, readRun } from '../dev/run-file.mjs';

/** @import { NewOrder } from './invented-orders.mjs' */

/**
 * @typedef {object} EndedOrder
 * @property {string} orderId
 * @property {string} status
 * @property {string} placedAt
 * @property {string} finishedAt
 */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run orders -- [options]
  --count N         how many orders to place (default 100)
  --concurrency N   how many at a time (default 10)
  --csv FILE        the orders to place, instead: a line each, with the columns
                    name,email,line1,city,postcode,country,sku,quantity,token
  --token T         pay all of them with this card; default: a mix in which 1 in 10 does not go smoothly
  --wait SECONDS    how long to wait for the last one (default 180)
  --help
CUSTOMER_TOKEN in the environment: whose orders they are, where the edge asks for that`;

const FINAL = new Set(['delivered', 'rejected']);
const options = readOptions();
const run = readRun() ?? fail(NOT_RUNNING);
const gateway = process.env.GATEWAY_URL ?? run.gatewayUrl ?? fail(NO_GATEWAY);
const products = (
  await readJson(`${gateway}/products`).catch((error) =>
    fail(`The gateway at ${gateway} does not answer: ${error.message}`),
  )
).products;
const orders = options.csv
  ? await readOrders(options.csv).catch((error) => fail(error.message))
  : Array.from({ length: options.count }, (_, index) =>
      inventOrder(products, index, options.token),
    );

const progress = new Progress();
const before = await costNow(run);
const began = performance.now();
/** @type {Map<string, NewOrder>} */
const accepted = new Map();
/** @type {string[]} */
const refused = [];
await eachOf(orders, options.concurrency, place);
const placedAfter = performance.now() - began;
const ended = await allEnded();
const after = await costNow(readRun() ?? run);
const redeliveries = await redeliveriesNow(readRun() ?? run);
const findings = await reconciled(20_000, run);
progress.done();
summarise();

function readOptions() {
  const flags = /** @type {const} */ ({
    /** @param {string} status */
    count: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '10' },
    csv: { type: 'string' },
    token: { type: 'string' },
    wait: { type: 'string', default: '180' },
    help: { type: 'boolean' },
  });
  try {
    const { values } = parseArgs({ options: flags });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    return {
      ...values,
      count: whole('count', values.count),
      concurrency: whole('concurrency', values.concurrency),
      wait: whole('wait', values.wait) * 1000,
    };
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function whole(name, text) {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new Error(`--${name} is "${text}", but must be a whole number from 1`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}

/** @param {NewOrder} order */
async function place(order) {
  try {
    accepted.set(await placeOrder(gateway, order), order);
    progress.waitFor(`placing ${bar(accepted.size, orders.length)}`);
  } catch (error) {
    refused.push(messageOf(error));
  }
}

/** Newest first, so that one look at the first page of the open ones is cheap. */
async function allEnded() {
  for (
    const until = performance.now() + options.wait;
    ;
    await new Promise((resolve) => setTimeout(resolve, 250))
  ) {
    const counts = await readJson(`${gateway}/orders?limit=1`, { headers: asCustomer }).then(
      (page) => page.counts,
      () => undefined,
    );
    const open =
      counts &&
      Object.entries(counts).reduce(
        (sum, [status, count]) => sum + (FINAL.has(status) ? 0 : count),
        0,
      );
    if (open !== undefined)
      progress.waitFor(`finishing ${bar(Math.max(0, accepted.size - open), accepted.size)}`);
    if (open === 0 || performance.now() > until) return ourOrders();
  }
}

/** @returns {Promise<EndedOrder[]>} */
async function ourOrders() {
  /** @type {EndedOrder[]} */
  const found = [];
  for (let before; ;) {
    /** @type {{ orders: EndedOrder[], next?: string }} */
    const page = await readJson(
      `${gateway}/orders?limit=500${before ? `&before=${encodeURIComponent(before)}` : ''}`,
      { headers: asCustomer },
    );
    found.push(...page.orders.filter(({ orderId }) => accepted.has(orderId)));
    if (!page.next || found.length === accepted.size) return found;
    before = page.next;
  }
}

function summarise() {
  const done = ended.filter(({ status }) => FINAL.has(status));
  const durations = done
    .map(({ placedAt, finishedAt }) => Date.parse(finishedAt) - Date.parse(placedAt))
    .sort((a, b) => a - b);
  /** @param {number} q */
  const quantile = (q) =>
    seconds(durations[Math.min(durations.length - 1, Math.floor(q * durations.length))] ?? 0);
  /** @param {string} status */
  const count = (status) => ended.filter((order) => order.status === status).length;
  const first = Math.min(...done.map(({ placedAt }) => Date.parse(placedAt)));
  const last = Math.max(...done.map(({ finishedAt }) => Date.parse(finishedAt)));
  const elapsed = (last - first) / 1000;
  /**
   * @param {number} value
   * @param {number} [digits]
   */
  const each = (value, digits = 1) => (value / Math.max(1, done.length)).toFixed(digits);
  console.log(
    `accepted    ${accepted.size} of ${orders.length} in ${seconds(placedAfter)}${refused.length ? `, ${refused.length} refused: ${refused[0]}` : ''}`,
  );
  console.log(
    `ended       ${count('delivered')} delivered, ${count('rejected')} rejected, ${accepted.size - done.length} still under way`,
  );
  console.log(
    `speed       ${(done.length / elapsed).toFixed(1)} orders/s to their final state; p50 ${quantile(0.5)}, p99 ${quantile(0.99)}`,
  );
  console.log(
    `an order    ${each(after.commits - before.commits)} commits, ${each((after.cpu - before.cpu) * 1000, 0)} ms CPU (Node ${each((after.nodeCpu - before.nodeCpu) * 1000, 0)}, PostgreSQL ${each((after.postgresCpu - before.postgresCpu) * 1000, 0)})`,
  );
  console.log(
    `memory      ${Math.round(after.nodeMemory / 2 ** 20)} MiB in ${after.processes} Node processes`,
  );
  console.log(
    `again       ${redeliveries} handlings beyond the first of a message since the services started`,
  );
  console.log(findingsTable(findings));
  const fine =
    done.length === accepted.size && refused.length === 0 && findings.every(({ ok }) => ok);
  process.exit(fine ? 0 : 1);
}
