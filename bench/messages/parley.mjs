// Parley: the whole kit in two Nest applications, with a store in PostgreSQL. `settings` say which
// kind of message travels, and on which technology.
import { kitIn } from '../../tools/calls/kit-process.mjs';
import {
  controllerWith,
  databaseOf,
  installKit,
  startService,
} from '../measure/kit-application.mjs';
import { Order } from './order.mjs';

/** @import { Contestant, Place, Work } from './process.mjs' */

/** @type {Map<string, any>} a name is defined once a process */
const contracts = new Map();

/**
 * The message, in the lane of its customer or in none. Events are of the sender, and always have a
 * lane.
 * @param {Place} place
 * @param {Pick<Work, 'keyed'>} work
 */
function contractOf({ dist, settings }, { keyed }) {
  const { command, event } = kitIn(dist)('contract');
  const inTurn = { key: 'customer' };
  const [name, define, options] =
    settings['kind'] === 'event'
      ? ['shop.order-placed', event, inTurn]
      : keyed
        ? ['warehouse.pack-order-in-turn', command, inTurn]
        : ['warehouse.pack-order', command, {}];
  const contract = contracts.get(name) ?? define(name, Order, options);
  contracts.set(name, contract);
  return contract;
}

/**
 * @param {Place} place
 * @param {'shop' | 'warehouse'} service
 * @param {{ controllers?: any[], concurrency?: number }} [options]
 */
function started(place, service, options) {
  const { kind, technology } = place.settings;
  const url =
    technology === 'postgres' ? databaseOf(place, service) : /** @type {any} */ (place)[technology];
  return startService(place, {
    service,
    technologies: [technology],
    urls: { [`${kind}s`]: url },
    ...options,
  });
}

/** @type {Contestant} */
export default {
  install: installKit,

  async producer(place) {
    const { messenger, transactions, end } = await started(place, 'shop');
    const { kind, technology } = place.settings;
    const say = kind === 'event' ? 'publish' : 'send';
    return {
      send: (message, work) => messenger[say](contractOf(place, work), message),
      // To a broker a transaction would send by the outbox, and later.
      sendTogether:
        technology !== 'postgres'
          ? undefined
          : (messages, work) =>
              transactions.run(async () => {
                for (const message of messages)
                  await messenger[say](contractOf(place, work), message);
              }),
      end,
    };
  },

  async consumer(place, work, handled) {
    const { Handles, Subscription } = kitIn(place.dist)('messaging');
    const { batch, effect, concurrency } = work;
    const controller = controllerWith({
      pack: {
        bind: Handles(contractOf(place, work), batch ? { batch } : {}),
        async run(given, { tx }) {
          for (const message of [given].flat()) await handled(message);
          if (effect)
            await tx.query('insert into public.effect (run, n) values ($1, $2)', [
              given.run,
              given.n,
            ]);
        },
      },
    });
    Subscription('packing')(controller);
    const { end } = await started(place, 'warehouse', { controllers: [controller], concurrency });
    return end;
  },
};
