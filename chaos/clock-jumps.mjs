// F12: the clock of one process jumps by hours, to and fro.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { faketime, setSkew, skewedBy } from './skewed-clock.mjs';
import { PATIENCE_MS } from './test-bed.mjs';

/** @import { Phase, Planned } from './record.mjs' */
/** @import { TestBed } from './test-bed.mjs' */

const HOUR_SECONDS = 3600;

/**
 * One process has another time of day than its twin and the database.
 * @param {TestBed} bed
 * @param {Planned} event
 */
export async function jumpClock(
  bed,
  { victims: [victim = ''] = [], hours: [first = 0, second = 0] = [] },
) {
  const { shop, customers } = bed;
  const library = faketime();
  if (!library) throw new Error('libfaketime is not installed');
  const file = path.join(shop.dir, `${victim}.skew`);
  setSkew(file, 0);
  shop.setEnvironment(victim, skewedBy(file, library));
  const before = shop.signal(victim, 'SIGKILL');
  try {
    const back = () => shop.run()?.instances[victim];
    await bed.until(PATIENCE_MS, () => back()?.ready === true && back()?.pid !== before, 200);
    /** @type {Phase[]} */
    const phases = [];
    for (const off of [first, 0, second, 0]) phases.push(await skewed(bed, victim, file, off));
    // The orders' view follows the events of the process, later on a busy machine.
    let said = 0;
    const isSaid = async () =>
      (said = await bed.count(SAID_AT_ANOTHER_TIME, [customers.since])) > 0;
    await bed.until(PATIENCE_MS, isSaid, 500);
    return {
      victim,
      phases,
      said,
      bit: phases.every(({ off, seen }) => off === seen) && said > 0,
    };
  } finally {
    setSkew(file, 0);
    shop.setEnvironment(victim);
  }
}

/**
 * One jump. `seen`: by how many hours the clock of the process is off, as its answers say.
 * `worked`: number of messages it handled and calls it answered meanwhile.
 * @param {TestBed} bed
 * @param {string} victim
 * @param {string} file
 * @param {number} off
 * @returns {Promise<Phase>}
 */
async function skewed(bed, victim, file, off) {
  const url = bed.shop.launched().instances[victim]?.operationsUrl;
  if (!url) throw new Error(`${victim} does not run`);
  setSkew(file, off * HOUR_SECONDS);
  const seen = () =>
    fetch(`${url}/health/live`, { signal: AbortSignal.timeout(3000) }).then(
      ({ headers }) => {
        const timeOfDay = Date.now();
        return Math.round(
          (Date.parse(headers.get('date') ?? '') - timeOfDay) / 1000 / HOUR_SECONDS,
        );
      },
      () => undefined,
    );
  await bed.until(PATIENCE_MS, async () => (await seen()) === off, 200);
  const before = await workOf(url);
  await sleep(6000);
  await bed.until(PATIENCE_MS / 2, async () => (await workOf(url)) > before, 500);
  return { off, seen: await seen(), worked: (await workOf(url)) - before };
}

/**
 * Counts lines of orders' histories whose time is far off: it is the time at which the message was
 * sent, by the sender's clock.
 */
const SAID_AT_ANOTHER_TIME = `select count(*)::int as count from orders.order_view, jsonb_array_elements(history) line
  where (line->>'at')::timestamptz not between $1::timestamptz - interval '20 minutes' and clock_timestamp() + interval '20 minutes'`;

/**
 * Messages handled and calls answered so far, by the metrics of the process.
 * @param {string} url
 */
async function workOf(url) {
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) }).then(
    (response) => response.text(),
    () => '',
  );
  const done =
    /^parley_(?:messages_handled_total\{.*outcome="done".*\}|calls_total\{.*outcome="ok".*\}) (\d+)/gm;
  return [...text.matchAll(done)].reduce((sum, [, count]) => sum + Number(count), 0);
}
