// Loaded by the inventory process whose network is to fall silent: reserving takes a second, with
// its transaction open, so that some are under way at any time.
require('reflect-metadata');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
/** @import { SqlStockStore as Store } from '../../apps/inventory/src/stock.store.js' */
/** @type {typeof import('../../apps/inventory/src/stock.store.js')} */
const { SqlStockStore } = require(path.resolve('dist/apps/inventory/src/stock.store.js'));
const { replace } = require('../planted/replace.cjs');

const OPEN_FOR_MS = 1000;

replace(
  SqlStockStore.prototype,
  'reserve',
  (reserve) =>
    /** @this {Store} */
    async function (tx, orderId, lines) {
      const reservation = await reserve.call(this, tx, orderId, lines);
      await sleep(OPEN_FOR_MS);
      return reservation;
    },
);
