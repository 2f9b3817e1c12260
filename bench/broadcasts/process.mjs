// One process of a contestant of the bench of broadcasts: `node process.mjs <file> sender|hearers
// <place>`. A process of hearers holds `each` of them, with connections of their own.
import { setTimeout as sleep } from 'node:timers/promises';
import { now, takeOrders } from '../measure/servant.mjs';
import { order } from '../messages/order.mjs';
import { Tally } from '../messages/tally.mjs';

/** @import { Order } from '../messages/order.mjs' */

/**
 * @typedef {object} Place
 * @property {string} name of the channel
 * @property {string} dist the compiled kit
 * @property {string} postgres URL of its superuser, in a database of the contestant's own
 * @property {string} redis
 * @property {number} each hearers in a process
 * @property {Record<string, any>} settings of this contestant
 */

/**
 * The exports of a contestant's file.
 * @typedef {object} Contestant
 * @property {(place: Place) => Promise<unknown>} [install] once, before anything else
 * @property {(place: Place) => Promise<{ say: (message: Order) => Promise<unknown>, end: () => Promise<unknown> }>} sender
 * @property {(place: Place, heard: (message: Order) => Promise<void>) => Promise<() => Promise<unknown>>} hearer
 * hears from then on; resolves to what ends it
 */

/** Milliseconds without a message after which the missing ones count as lost. */
const SILENCE_MS = 5_000;
const LOOK_MS = 50;

const [, , file = '', role, given = ''] = process.argv;
/** @type {Contestant} */
const contestant = (await import(file)).default;
/** @type {Place} */
const place = JSON.parse(given);

if (role === 'sender') await send();
else await hear();

async function send() {
  await contestant.install?.(place);
  const { say, end } = await contestant.sender(place);

  /** As fast as it goes. */
  async function flood(/** @type {any} */ { run, count, atOnce }) {
    let next = 0;
    const speaker = async () => {
      for (let n = next++; n < count; n = next++) await say(order(run, n, now()));
    };
    const started = now();
    await Promise.all(Array.from({ length: atOnce }, speaker));
    return { started };
  }

  /** At a steady rate, each when it is due. */
  async function pace(/** @type {any} */ { run, count, rate }) {
    const started = now();
    const said = [];
    for (let n = 0; n < count; n++) {
      const due = started + (n * 1000) / rate;
      while (now() < due) await sleep(Math.max(0, due - now() - 0.5));
      said.push(say(order(run, n, now())));
    }
    await Promise.all(said);
    return { started };
  }

  takeOrders(async (asked) => {
    if (asked.flood) return flood(asked.flood);
    if (asked.pace) return pace(asked.pace);
    await end();
  });
}

async function hear() {
  /** @type {Tally[]} */
  let tallies = [];
  let last = 0;
  const ends = await Promise.all(
    Array.from({ length: place.each }, (_, index) =>
      contestant.hearer(place, async (message) => {
        await tallies[index]?.handled(message);
        last = now();
      }),
    ),
  );
  const heard = () => tallies.reduce((sum, { found }) => sum + found.handled, 0);

  /** Until each has heard everything, or nothing is heard any more. */
  async function all(/** @type {number} */ wanted) {
    for (let [seen, since] = [-1, 0]; heard() < wanted; await sleep(LOOK_MS)) {
      if (heard() !== seen) [seen, since] = [heard(), now()];
      else if (now() - since > SILENCE_MS) break;
    }
    return {
      last,
      took: tallies.flatMap(({ took }) => took),
      found: tallies.map(({ found }) => found),
    };
  }

  takeOrders(async (asked) => {
    if (asked.expect) {
      const { run, count } = asked.expect;
      tallies = ends.map(() => new Tally({ run, count, held: false }));
    } else if (asked.heard) return all(asked.heard.count * ends.length);
    else await Promise.all(ends.map((end) => end()));
  });
}
