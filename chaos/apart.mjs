// Faults that concern one message or one connection. All other orders must keep their pace.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../tools/shop/books-read.mjs';
import {
  cardOf,
  CARDS,
  faultyPayments,
  harmDone,
  PAYMENTS,
  repair,
  slowInventory,
  spoil,
} from './faulty.mjs';
import { SilentProxy } from './silent-proxy.mjs';
import { PATIENCE_MS } from './test-bed.mjs';

/** @import { Rows } from '../tools/shop/books-read.mjs' */
/** @import { Death, Done, Planned } from './record.mjs' */
/** @import { Shop } from './shop.mjs' */
/** @import { TestBed } from './test-bed.mjs' */

/**
 * A dead letter as it is kept.
 * @typedef {object} DeadLetter
 * @property {string} queue
 * @property {string} id
 * @property {string | null} error
 * @property {string | null} cause
 * @property {number} attempts
 * @property {string | null} failure
 * @property {string} body
 */

/**
 * Until the message of a faulty handler must be a dead letter. One that hangs: two deliveries of 10
 * s (its timeout and the grace; none is tried again at once) and a retry after 1 s, and room for a
 * slow machine. The others: ten deliveries, each with a lease that must run out, and a launcher that
 * waits longer from crash to crash.
 * @type {Readonly<Record<string, number>>}
 */
const DEAD_WITHIN_MS = { F20: 90_000, F21: 300_000, F22: 300_000 };
const REPLAYED_WITHIN_MS = 20_000;
const BEHIND_PROXY = 'inventory-1';

/**
 * Before the shop starts: the faulty build of payments; a network to inventory's database that can
 * fall silent.
 * @param {Shop} shop
 * @param {readonly string[]} faults
 * @returns {Promise<{ proxy?: SilentProxy }>}
 */
export async function prepareApart(shop, faults) {
  if (faults.some((id) => id in CARDS))
    for (const name of PAYMENTS) shop.setEnvironment(name, faultyPayments(shop.dir));
  if (!faults.includes('F05')) return {};
  const proxy = await SilentProxy.before(shop.postgresPort);
  shop.setEnvironment(BEHIND_PROXY, {
    ...slowInventory(shop.dir),
    DATABASE_PORT: String(proxy.port),
  });
  return { proxy };
}

/**
 * Places one order whose handler does harm and waits until its message is a dead letter; then
 * repairs the build and replays the message.
 * @param {TestBed} bed
 * @param {Planned} event
 * @param {number} milliseconds
 * @returns {Promise<Done & { times: number, after: number }>}
 */
export async function poison(bed, { fault }, milliseconds) {
  const { shop, customers } = bed;
  const card = cardOf(fault);
  spoil(shop.dir, card);
  const [from, began] = [Date.now(), performance.now()];
  const order = await customers.placeOne(card, await plentiful(bed));
  if (order === undefined) throw new Error(`the order with the card ${card} was refused`);
  const died = await bed.until(
    Math.max(milliseconds, DEAD_WITHIN_MS[fault] ?? 0),
    async () => (await deathsOf(shop, order)).length > 0,
    500,
  );
  const after = (performance.now() - began) / 1000;
  await sleep(Math.max(0, began + milliseconds - performance.now()));
  const to = Date.now();
  const times = harmDone(shop.dir, card);
  const deaths = await deathsOf(shop, order);
  repair(shop.dir, card);
  for (const name of PAYMENTS) shop.signal(name, 'SIGKILL'); // a handler that hangs ends with its build
  await shop.allReady();
  const why = died ? await replay(bed, deaths) : 'it never died';
  const replayed = why === undefined;
  return {
    from,
    to,
    poison: order,
    times,
    after,
    deaths,
    replayed,
    ...(why && { why }),
    bit: times > 0,
  };
}

/**
 * The product of which most is left: an order that is out of stock would never be charged.
 * @param {TestBed} bed
 * @returns {Promise<string>}
 */
async function plentiful(bed) {
  /** @type {{ sku: string }} */
  const { sku } = await bed.row('select sku from inventory.stock order by available desc limit 1');
  return sku;
}

const DEATHS = `select q.name as queue, d.id::text, d.error, d.cause, d.attempts, d.failure, convert_from(d.body, 'UTF8') as body from parley.dead d join parley.queue q on q.id = d.queue`;

/** @param {Rows} rows */
function readDeadLetters(rows) {
  /** @type {Promise<DeadLetter[]>} */
  const found = rows(DEATHS);
  return found;
}

/**
 * Those of one order; none while the database cannot be asked.
 * @param {Shop} shop
 * @param {string} orderId
 * @returns {Promise<Death[]>}
 */
async function deathsOf(shop, orderId) {
  const run = shop.run();
  if (!run) return [];
  const rows = await withDatabase(run, readDeadLetters).catch(() => []);
  return rows
    .filter(({ body }) => body.includes(orderId))
    .map(({ body: _, attempts, ...death }) => ({ ...death, orderId, deliveries: attempts }));
}

/**
 * Replays as an operator does. Resolves with the command's message if it still fails after some
 * tries, which it needs because the processes have only just started.
 * @param {TestBed} bed
 * @param {readonly Death[]} deaths
 */
async function replay(bed, deaths) {
  const names = deaths.map(({ queue, id }) => `${queue.split('.')[0]}/${id}`);
  const command = [
    'tools/parley.mjs',
    'dead-letters',
    'replay',
    ...names,
    '--reason',
    'the build is sound again',
  ];
  /** @type {string | undefined} */
  let why;
  const asked = () =>
    promisify(execFile)(process.execPath, command, { cwd: bed.shop.dir }).then(
      () => (why = undefined),
      (error) => (why = `${error.stdout}${error.stderr}`.trim() || error.message),
    );
  await bed.until(REPLAYED_WITHIN_MS, async () => (await asked()) === undefined, 1000);
  return why;
}

/**
 * Lets the open connections of one process to PostgreSQL fall silent while its handlers have
 * transactions open. Its twin and new connections work.
 * @param {TestBed} bed
 * @param {number} milliseconds
 */
export async function silence(bed, milliseconds) {
  const { proxy } = bed;
  if (!proxy) throw new Error('there is no network that can fall silent');
  const caught = await bed.until(PATIENCE_MS, async () => (await bed.count(HALF_DONE)) > 0, 20);
  const from = Date.now();
  const connections = proxy.hush();
  await sleep(milliseconds);
  const to = Date.now();
  proxy.restore();
  return {
    victim: BEHIND_PROXY,
    from,
    to,
    caught,
    connections,
    swallowed: proxy.swallowed,
    bit: caught && connections > 0 && proxy.swallowed > 0,
  };
}

const HALF_DONE = `select count(*)::int as count from pg_stat_activity where usename = 'inventory' and state = 'idle in transaction' and state_change < clock_timestamp() - interval '100 ms'`;
