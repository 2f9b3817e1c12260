// Broadcasts by Parley, on the technology that its settings name. Each hearer is an instance of a
// service.
import { kitIn } from '../../tools/calls/kit-process.mjs';
import {
  controllerWith,
  databaseOf,
  installKit,
  startService,
} from '../measure/kit-application.mjs';
import { Order } from '../messages/order.mjs';

/** @import { Contestant, Place } from './process.mjs' */

/** @type {any} a name is defined once a process */
let contract;

/** @param {Place} place */
const contractOf = ({ dist }) =>
  (contract ??= kitIn(dist)('contract').broadcast('shop.order-placed', Order));

/** @param {Place} place @param {'shop' | 'warehouse'} service @param {any[]} [controllers] */
function started(place, service, controllers) {
  const { technology } = place.settings;
  const url = technology === 'postgres' ? databaseOf(place, service) : place.redis;
  const urls = { broadcasts: url };
  return startService(place, {
    service,
    technologies: [technology],
    urls,
    controllers,
    store: false,
  });
}

/** @type {Contestant} */
export default {
  install: async (place) => {
    if (place.settings['technology'] === 'postgres') await installKit(place);
  },

  async sender(place) {
    const { messenger, end } = await started(place, 'shop');
    return { say: (message) => messenger.broadcast(contractOf(place), message), end };
  },

  async hearer(place, heard) {
    const { Handles } = kitIn(place.dist)('messaging');
    const controller = controllerWith({
      hear: { bind: Handles(contractOf(place)), run: (message) => heard(message) },
    });
    const { end } = await started(place, 'warehouse', [controller]);
    return end;
  },
};
