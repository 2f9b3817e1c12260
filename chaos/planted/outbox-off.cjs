// Loaded by every process of a planted run: as without an outbox, what a transaction says is sent
// after its commit, if nothing comes between.
require('reflect-metadata');
const path = require('node:path');
const { Publisher } = require(path.resolve('dist/libs/parley/messaging/src/sending/publisher.js'));
const { replace } = require('./replace.cjs');

replace(Publisher.prototype, 'join', () => async () => undefined);
replace(
  Publisher.prototype,
  'wake',
  () =>
    function (messages) {
      this.now(messages).catch(() => undefined);
    },
);
