// Harm that is meant for one message or one connection alone. Everybody else must keep the pace.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../tools/books-read.mjs';
import { CARDS, faultyEnvironment, harmDone, PAYMENTS, repair } from './faulty.mjs';
import { SilentProxy } from './silent-proxy.mjs';

/** Until the message of a faulty handler must have died. Ten deliveries, each with a lease that must run out, and a launcher that waits longer from crash to crash. */
const DEAD_WITHIN = 300_000;
const PATIENCE = 90_000;
const BEHIND_PROXY = 'inventory-1';

/** Before the shop starts: what its payments processes load. */
export function prepareApart(shop, faults) {
  if (faults.some((id) => id in CARDS)) for (const name of PAYMENTS) shop.setEnvironment(name, faultyEnvironment(shop.dir));
}

/** One order whose handler does harm, until its message is a dead letter; then a sound build, and a replay. */
export async function poison({ shop, customers, until }, { fault }, milliseconds) {
  const card = CARDS[fault];
  const from = Date.now();
  const order = await customers.placeOne(card);
  const died = await until(Math.max(milliseconds, DEAD_WITHIN), async () => (await deathsOf(shop, order)).length > 0, 500);
  const after = (Date.now() - from) / 1000;
  await sleep(Math.max(0, from + milliseconds - Date.now()));
  const to = Date.now();
  const times = harmDone(shop.dir, card);
  const deaths = await deathsOf(shop, order);
  repair(shop.dir, card);
  for (const name of PAYMENTS) shop.signal(name, 'SIGKILL'); // a handler that hangs ends with its build
  await shop.allReady();
  const replayed = died && (await replay(shop, deaths));
  return { calm: customers.since, from, to, poison: order, times, after, deaths, replayed, bit: times > 0 };
}

const DEATHS = `select q.name as queue, d.id::text, d.error, d.cause, d.attempts, d.failure, convert_from(d.body, 'UTF8') as body from parley.dead d join parley.queue q on q.id = d.queue`;

async function deathsOf(shop, orderId) {
  const rows = await withDatabase(shop.run(), (query) => query(DEATHS)).catch(() => []);
  return rows.filter(({ body }) => body.includes(orderId)).map(({ body: _, attempts, ...death }) => ({ ...death, orderId, deliveries: attempts }));
}

async function replay(shop, deaths) {
  const names = deaths.map(({ queue, id }) => `${queue.split('.')[0]}/${id}`);
  const asked = promisify(execFile)(process.execPath, ['tools/parley.mjs', 'dead-letters', 'replay', ...names, '--reason', 'the build is sound again'], { cwd: shop.dir });
  return asked.then(() => true, () => false);
}

/** A process whose open connections to PostgreSQL fall silent while its handlers run. Its twin, and new connections, work. */
export async function silence({ shop, customers, until }, milliseconds) {
  const proxy = await SilentProxy.before(Number(new URL(shop.run().databaseUrl).port));
  try {
    await startAnew(shop, until, { DATABASE_PORT: String(proxy.port) });
    customers.haste = 3;
    await sleep(5000);
    const from = Date.now();
    const connections = proxy.hush();
    customers.haste = 1;
    await sleep(milliseconds);
    const to = Date.now();
    return { victim: BEHIND_PROXY, calm: customers.since, from, to, connections, swallowed: proxy.swallowed, bit: connections > 0 && proxy.swallowed > 0 };
  } finally {
    customers.haste = 1;
    proxy.restore();
    await startAnew(shop, until);
    proxy.close();
  }
}

async function startAnew(shop, until, variables) {
  shop.setEnvironment(BEHIND_PROXY, variables);
  const before = shop.signal(BEHIND_PROXY, 'SIGKILL');
  await until(PATIENCE, () => shop.run()?.instances[BEHIND_PROXY]?.ready && shop.run().instances[BEHIND_PROXY].pid !== before, 200);
}
