// Loaded by every process of a planted run: as stock transports do, the queue forgets a command
// when it hands it over.
require('reflect-metadata');
const path = require('node:path');
const { QueueConsumer } = require(
  path.resolve('dist/libs/parley/transports/postgres/src/queue/queue-consumer.js'),
);
const { replace } = require('./replace.cjs');

replace(
  QueueConsumer.prototype,
  'delivery',
  (delivery) =>
    function (lane, message, body) {
      const usual = delivery.call(this, lane, message, body);
      return {
        ...usual,
        acknowledgeInTransaction: undefined,
        forget: () => this.leases.discard(lane, message),
      };
    },
);

replace(
  QueueConsumer.prototype,
  'start',
  (start) =>
    function () {
      const { deliver } = this.what;
      this.what = {
        ...this.what,
        deliver: async ({ forget, ...rest }) => (await forget(), deliver(rest)),
      };
      return start.call(this);
    },
);
