// One process of a contestant: `node process.mjs <file> producer|consumer <place>`.
import { setTimeout as sleep } from 'node:timers/promises';
import { now, takeOrders } from '../measure/servant.mjs';
import { order } from './order.mjs';
import { Tally } from './tally.mjs';

/** @import { Order } from './order.mjs' */

/**
 * Addresses of the servers, and settings of the mode.
 * @typedef {object} Place
 * @property {string} name of the database, and of queues
 * @property {string} dist the compiled kit
 * @property {string} postgres URL of its superuser, in a database of the contestant's own
 * @property {string} redis
 * @property {string} rabbitmq
 * @property {string} kafka
 * @property {Record<string, any>} settings of this contestant
 */

/**
 * The way of handling in one measurement.
 * @typedef {object} Work
 * @property {boolean} [keyed] in order for each customer
 * @property {boolean} [effect] with a row of `public.effect` each
 * @property {number} [batch] so many at a time; else one by one, `concurrency` at once
 * @property {number} concurrency
 */

/**
 * @typedef {object} Producer
 * @property {(message: Order, work: Work) => Promise<unknown>} send in a commit of its own
 * @property {(messages: Order[], work: Work) => Promise<unknown>} [sendTogether] in one
 * @property {() => Promise<unknown>} end
 */

/**
 * A contestant of the benches of messages: what its file exports.
 * @typedef {object} Contestant
 * @property {(place: Place) => Promise<unknown>} [install] once, before anything else
 * @property {(place: Place) => Promise<Producer>} producer
 * @property {(place: Place, work: Work, handled: (message: Order) => Promise<void>) => Promise<() => Promise<unknown>>} consumer
 * begins to consume; resolves to what ends it in an orderly way
 */

const [, , file = '', role, given = ''] = process.argv;
/** @type {Contestant} */
const contestant = (await import(file)).default;
/** @type {Place} */
const place = JSON.parse(given);

if (role === 'producer') await produce();
else consume();

async function produce() {
  await contestant.install?.(place);
  const producer = await contestant.producer(place);
  const {
    sendTogether = (messages, work) => Promise.all(messages.map((one) => producer.send(one, work))),
  } = producer;

  /** Sends `count` messages, `together` in one commit and `atOnce` commits at a time. */
  async function send(/** @type {any} */ { run, count, together, atOnce, work }) {
    let next = 0;
    const sender = async () => {
      while (next < count) {
        const first = next;
        next = Math.min(count, next + together);
        const messages = Array.from({ length: next - first }, (_, i) => order(run, first + i));
        const [only] = messages;
        await (together === 1 && only ? producer.send(only, work) : sendTogether(messages, work));
      }
    };
    const started = now();
    await Promise.all(Array.from({ length: atOnce }, sender));
    return { seconds: (now() - started) / 1000 };
  }

  /** Sends messages at a steady rate, each when it is due. */
  async function pace(/** @type {any} */ { run, count, rate, work }) {
    const started = now();
    const sent = [];
    for (let n = 0; n < count; n++) {
      const due = started + (n * 1000) / rate;
      while (now() < due) await sleep(Math.max(0, due - now() - 0.5));
      sent.push(producer.send(order(run, n, now()), work));
    }
    await Promise.all(sent);
    return {};
  }

  takeOrders(async (asked) => {
    if (asked.send) return send(asked.send);
    if (asked.pace) return pace(asked.pace);
    await producer.end();
  });
}

function consume() {
  /** @type {Tally} */
  let tally;
  /** @type {() => Promise<unknown>} */
  let end;
  takeOrders(async (asked) => {
    if (asked.open) {
      const { run, count, held, work } = asked.open;
      const opened = (tally = new Tally({ run, count, held }));
      end = await contestant.consumer(place, work, (message) => opened.handled(message));
      if (held) await opened.first;
    } else if (asked.go) {
      const started = now();
      tally.go();
      await tally.all;
      return { seconds: (now() - started) / 1000 };
    } else if (asked.heard) {
      await tally.all;
      return { took: tally.took };
    } else {
      await end();
      return tally.found;
    }
  });
}
