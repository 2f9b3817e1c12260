// One process of the bench of growth: `node service.mjs sender|consumer <place>`, a service of Parley
// whose messages are in PostgreSQL.
import { setTimeout as sleep } from 'node:timers/promises';
import { kitIn } from '../../tools/calls/kit-process.mjs';
import {
  controllerWith,
  databaseOf,
  installKit,
  startService,
} from '../measure/kit-application.mjs';
import { now, takeOrders } from '../measure/servant.mjs';
import { quantile } from '../measure/statistics.mjs';
import { order, Order as Body } from '../messages/order.mjs';
import { timedClaims } from './claims.mjs';
import { Ledger } from './ledger.mjs';

/** @import { Order } from '../messages/order.mjs' */

/**
 * @typedef {object} Place
 * @property {string} dist the compiled kit
 * @property {string} postgres URL of its superuser, in a database of its own
 * @property {'command' | 'event'} kind
 * @property {boolean} keyed in order for each customer; events always are
 * @property {number} contracts that are in use, one after the other
 * @property {number} subscriptions of each event, all in one process
 * @property {number} [batch] handled at a time; else one by one
 * @property {number} holds milliseconds that a handler takes
 * @property {string} [hot] the customer whose messages nobody waits for in the figures
 */

const CONCURRENCY = 10;
/** A queue is filled in transactions of this many, so many at once. */
const [TOGETHER, AT_ONCE] = [500, 4];

const [, , role, given = ''] = process.argv;
/** @type {Place} */
const place = JSON.parse(given);
const kit = kitIn(place.dist);
const isEvent = place.kind === 'event';

const contracts = Array.from({ length: place.contracts }, (_, n) => {
  const { command, event } = kit('contract');
  const options = isEvent || place.keyed ? { key: 'customer' } : {};
  return isEvent
    ? event(`shop.order-placed-${n}`, Body, options)
    : command(`warehouse.pack-order-${n}`, Body, options);
});

/** @param {'shop' | 'warehouse'} service @param {any[]} [controllers] */
function started(service, controllers) {
  const urls = { [`${place.kind}s`]: databaseOf(place, service) };
  return startService(place, {
    service,
    technologies: ['postgres'],
    urls,
    controllers,
    concurrency: CONCURRENCY,
  });
}

if (role === 'sender') await send();
else consume();

async function send() {
  await installKit(place);
  const { messenger, transactions, end } = await started('shop');
  const say = isEvent ? 'publish' : 'send';

  /** @param {string} run @param {number} n @param {{ keys: number, hot?: string, at?: number }} options */
  const message = (run, n, { keys, hot, at }) => ({
    ...order(run, n, at),
    customer: hot ?? `customer-${n % keys}`,
  });

  /** Sends `count` messages from number `from` on; `due`: all at that time. */
  async function fill(/** @type {any} */ { run, from = 0, count, due, ...options }) {
    let next = from;
    const sender = async () => {
      while (next < from + count) {
        const first = next;
        next = Math.min(from + count, first + TOGETHER);
        const until = next;
        await transactions.run(async () => {
          for (let n = first; n < until; n++) {
            const delay = due === undefined ? {} : { delay: Math.max(1, Math.round(due - now())) };
            const body = message(run, n, { at: due, ...options });
            await messenger[say](
              contracts[n % contracts.length],
              body,
              ...(isEvent ? [] : [delay]),
            );
          }
        });
      }
    };
    const began = now();
    await Promise.all(Array.from({ length: AT_ONCE }, sender));
    return { seconds: (now() - began) / 1000 };
  }

  /** Sends messages at a steady rate, each when it is due. */
  async function pace(/** @type {any} */ { run, count, rate, keys }) {
    const began = now();
    const sent = [];
    for (let n = 0; n < count; n++) {
      const due = began + (n * 1000) / rate;
      while (now() < due) await sleep(Math.max(0, due - now() - 0.5));
      sent.push(messenger[say](contracts[0], message(run, n, { keys, at: now() })));
    }
    await Promise.all(sent);
    return {};
  }

  takeOrders(async (asked) => {
    if (asked.fill) return fill(asked.fill);
    if (asked.pace) return pace(asked.pace);
    if (asked.now) return { now: now() };
    await end();
  });
}

function consume() {
  const claims = timedClaims(place.dist);
  const { Handles, Subscription } = kit('messaging');
  /** @type {Ledger[]} by subscription */
  let ledgers = [];
  /** Milliseconds from sending, or from `go`, to the handler. @type {number[]} */
  let took = [];
  /** @type {number | undefined} */
  let went;
  /** @type {(() => void) | undefined} */
  let go;
  let gate = Promise.resolve();
  /** @type {() => void} */
  let arrived = () => undefined;
  let first = Promise.resolve();
  /** @type {() => Promise<unknown>} */
  let end = async () => undefined;

  /** @param {number} subscription @param {Order} message */
  async function handled(subscription, message) {
    arrived();
    if (go) await gate;
    if (place.holds > 0) await sleep(place.holds);
    const at = now();
    ledgers[subscription]?.note(message, at);
    if (message.customer !== place.hot && (message.at > 0 || place.hot !== undefined))
      took.push(at - (message.at || (went ?? at)));
  }

  const controllers = Array.from({ length: place.subscriptions }, (_, subscription) => {
    const methods = contracts.map((contract, n) => [
      `handle${n}`,
      {
        bind: Handles(contract, place.batch ? { batch: place.batch } : {}),
        /** @param {Order | Order[]} message */
        run: async (message) => {
          for (const one of [message].flat()) await handled(subscription, one);
        },
      },
    ]);
    const controller = controllerWith(Object.fromEntries(methods));
    Subscription(`packing-${subscription}`)(controller);
    return controller;
  });

  /** @param {{ run: string, count: number, held?: boolean }} asked held: handlers wait for `go` */
  function expect({ run, count, held }) {
    ledgers = controllers.map(() => new Ledger(run, count));
    took = [];
    claims.length = 0;
    if (held) gate = new Promise((resolve) => (go = () => resolve(undefined)));
    first = new Promise((resolve) => (arrived = () => resolve(undefined)));
  }

  takeOrders(async (asked) => {
    if (asked.open) {
      expect(asked.open);
      const began = now();
      ({ end } = await started('warehouse', controllers));
      return { seconds: (now() - began) / 1000 };
    }
    if (asked.expect) return expect(asked.expect);
    if (asked.first) return void (await first);
    if (asked.go) {
      went = now();
      go?.();
      go = undefined;
      return { at: went };
    }
    if (asked.handled) return { handled: ledgers.reduce((sum, { handled }) => sum + handled, 0) };
    if (asked.close || asked.tell) {
      if (asked.close) await end();
      return {
        told: ledgers.map((ledger) => ledger.told()),
        waits: {
          p50: quantile(took, 0.5),
          p99: quantile(took, 0.99),
          longest: quantile(took, 1),
          least: quantile(took, 0),
        },
        claims: { p50: quantile(claims, 0.5), p99: quantile(claims, 0.99) },
      };
    }
    return {};
  });
}
