// One process of a contestant of the bench of sagas: `node process.mjs <file> shop|warehouse
// <place>`. The shop runs sagas of three steps; the warehouse takes the steps.
import { now, takeOrders } from '../measure/servant.mjs';
import { quantile } from '../measure/statistics.mjs';

/**
 * @typedef {object} Place
 * @property {string} dist the compiled kit
 * @property {string} postgres URL of its superuser, in a database of the contestant's own
 */

/**
 * The exports of a contestant's file. Each step leaves a row of `public.effect`: its name, and the
 * number of its saga.
 * @typedef {object} Contestant
 * @property {(place: Place) => Promise<unknown>} [install] once, before anything else
 * @property {(place: Place, done: (n: number) => void) => Promise<(n: number) => Promise<unknown>>} shop
 * resolves to what starts a saga; `done` is told when it is at its end
 * @property {(place: Place) => Promise<unknown>} [warehouse]
 */

const [, , file = '', role, given = ''] = process.argv;
/** @type {Contestant} */
const contestant = (await import(file)).default;
/** @type {Place} */
const place = JSON.parse(given);

if (role === 'warehouse') {
  await contestant.warehouse?.(place);
  takeOrders(async () => {});
} else await shop();

async function shop() {
  /** @type {Map<number, () => void>} */
  const waiting = new Map();
  let strays = 0;
  const start = await contestant.shop(place, (n) => {
    if (!waiting.has(n)) strays++;
    waiting.get(n)?.();
    waiting.delete(n);
  });

  /** Runs sagas with these numbers, each to its end. */
  takeOrders(async ({ from, count, atOnce }) => {
    /** @type {number[]} */
    const took = [];
    let next = from;
    const customer = async () => {
      while (next < from + count) {
        const n = next++;
        const started = now();
        const ended = new Promise((resolve) => waiting.set(n, () => resolve(undefined)));
        await start(n);
        await ended;
        took.push(now() - started);
      }
    };
    const started = now();
    await Promise.all(Array.from({ length: atOnce }, customer));
    const seconds = (now() - started) / 1000;
    return { seconds, strays, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
  });
}
