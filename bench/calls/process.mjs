// One process of a contestant of the bench of calls: `node process.mjs <file> serve|call <place>`.
import { now, takeOrders } from '../measure/servant.mjs';
import { quantile } from '../measure/statistics.mjs';
import { answer, request } from './quote.mjs';

/** @import { Reply, Request } from './quote.mjs' */

/**
 * @typedef {object} Place
 * @property {number} port where calls are answered
 * @property {string} folder for files of the contestant
 * @property {string} dist the compiled kit
 * @property {Record<string, any>} settings of this contestant
 */

/**
 * The exports of a contestant's file.
 * @typedef {object} Contestant
 * @property {(place: Place) => Promise<unknown>} serve resolves when calls are answered
 * @property {(place: Place) => Promise<(request: Request) => Promise<Reply>>} caller
 */

const [, , file = '', role, given = ''] = process.argv;
/** @type {Contestant} */
const contestant = (await import(file)).default;
/** @type {Place} */
const place = JSON.parse(given);

if (role === 'serve') {
  await contestant.serve(place);
  takeOrders(async () => {});
} else {
  const call = await contestant.caller(place);
  takeOrders(({ calls, atOnce }) => made(call, calls, atOnce));
}

/**
 * @param {(request: Request) => Promise<Reply>} call
 * @param {number} calls
 * @param {number} atOnce
 */
async function made(call, calls, atOnce) {
  /** @type {number[]} */
  const took = [];
  let next = 0;
  const caller = async () => {
    while (next < calls) {
      const asked = request(next++);
      const started = now();
      const { orderId, total } = await call(asked);
      took.push(now() - started);
      const right = answer(asked);
      if (orderId !== right.orderId || total !== right.total)
        throw new Error(`${orderId}, ${total} is not the answer to ${asked.orderId}`);
    }
  };
  const started = now();
  await Promise.all(Array.from({ length: atOnce }, caller));
  return { seconds: (now() - started) / 1000, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
