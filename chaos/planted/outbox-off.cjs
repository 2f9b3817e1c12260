// Loaded by every process of a planted run: as without an outbox, the messages of a transaction are
// sent after its commit, if the process does not end before.
require('reflect-metadata');
const path = require('node:path');
const { replace } = require('./replace.cjs');

/** @typedef {import('../../libs/parley/messaging/src/sending/publisher.js')} Sending */

/** @type {Pick<Sending, 'Publisher'>} */
const { Publisher } = require(path.resolve('dist/libs/parley/messaging/src/sending/publisher.js'));

replace(Publisher.prototype, 'join', () => async () => undefined);
replace(
  Publisher.prototype,
  'wake',
  () =>
    /** @this {Sending['Publisher']['prototype']} */
    function (messages) {
      this.now(messages).catch(() => undefined);
    },
);
