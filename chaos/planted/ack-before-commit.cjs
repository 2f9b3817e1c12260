// Loaded by every process of a planted run: as stock transports do, the queue forgets a command
// when it hands it over.
require('reflect-metadata');
const path = require('node:path');
const { replace } = require('./replace.cjs');

/** @import { Delivery } from '../../libs/parley/messaging/src/transport/index.js' */
/** @import { Consumption, QueueConsumer as Usual } from '../../libs/parley/transports/postgres/src/queue/queue-consumer.js' */

/**
 * The consumer of a queue, with what is private to it.
 * @typedef {object} Consumer
 * @property {Consumption} what
 * @property {Usual['leases']} leases
 * @property {Usual['delivery']} delivery
 * @property {Usual['start']} start
 */
/** @typedef {Delivery & { forget: () => Promise<unknown> }} Planted */

/** @type {{ QueueConsumer: { prototype: Consumer } }} */
const { QueueConsumer } = require(
  path.resolve('dist/libs/parley/transports/postgres/src/queue/queue-consumer.js'),
);

replace(
  QueueConsumer.prototype,
  'delivery',
  (delivery) =>
    /** @this {Consumer} */
    function (lane, message, body) {
      const usual = delivery.call(this, lane, message, body);
      /** @type {Planted} */
      const planted = {
        ...usual,
        acknowledgeInTransaction: undefined,
        batchAcknowledgement: undefined,
        forget: () => this.leases.discard(lane, message),
      };
      return planted;
    },
);

replace(
  QueueConsumer.prototype,
  'start',
  (start) =>
    /** @this {Consumer} */
    function () {
      const { deliver } = this.what;
      /** @type {Consumption} */
      const what = {
        ...this.what,
        deliver: async (delivery) => {
          const { forget, ...rest } = /** @type {Planted} */ (delivery);
          await forget();
          return deliver(rest);
        },
      };
      return start.call(Object.assign(this, { what }));
    },
);
