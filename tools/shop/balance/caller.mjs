// A caller of the running shop with the kit's own client, as a service of it would be.
import { createRequire } from 'node:module';
import path from 'node:path';

/** @import { Run } from '../../dev/run-file.mjs' */
/** @import { Question } from './load.mjs' */

/** @param {string} file below libs */
const built = (file) => createRequire(import.meta.url)(path.resolve('dist/libs', file));
/** @type {typeof import('../../../libs/contracts/catalog/src/index.js')} */
const { QuotePrice } = built('contracts/catalog/src/index.js');
/** @type {typeof import('../../../libs/contracts/insights/src/index.js')} */
const { GetFigures } = built('contracts/insights/src/index.js');
/** @type {typeof import('../../../libs/contracts/inventory/src/index.js')} */
const { ListStock } = built('contracts/inventory/src/index.js');
/** @type {typeof import('../../../libs/contracts/orders/src/index.js')} */
const { ListOrders } = built('contracts/orders/src/index.js');
/** @type {typeof import('../../../libs/parley/messaging/src/index.js')} */
const { Messaging } = built('parley/messaging/src/index.js');
/** @type {typeof import('../../../libs/parley/service/src/technologies.js')} */
const { technologiesFor } = built('parley/service/src/technologies.js');

/** @param {Run} run */
export async function callerOf({ environment: env }) {
  /** @param {string} owner */
  const urlOf = (owner) => String(env[`CALLS_URL_${owner.toUpperCase()}`] ?? env['CALLS_URL']);
  const messaging = new Messaging({
    service: 'balance',
    instance: 'balance-1',
    build: 'balance',
    urls: { calls: urlOf },
    technologies: await technologiesFor({ CALLS_URL: urlOf('catalog') }),
    log: () => undefined,
  });
  await messaging.start();
  return {
    ...questionsTo(messaging.messenger),
    /** Of its quotes, in metrics. */
    contract: QuotePrice.name,
    /** The name of the technology that carries the calls. */
    technology: new URL(urlOf('catalog')).protocol.slice(0, -1),
    /**
     * Calls that an instance has and has not answered yet.
     * @param {number | undefined} port where it answers calls
     */
    inFlight: (port) =>
      messaging.introspection.callInstances().find(({ address }) => address === `127.0.0.1:${port}`)
        ?.inFlight ?? 0,
    close: () => messaging.close(),
  };
}

/**
 * Each call also as one that may not be repeated: the kit goes by its contract.
 * @param {InstanceType<typeof Messaging>['messenger']} messenger
 */
function questionsTo(messenger) {
  const lines = [{ sku: 'TEA-0001', quantity: 1 }];
  /** @type {(isRepeatable: boolean) => Question} */
  const quote = (isRepeatable) => {
    const contract = { ...QuotePrice, idempotent: isRepeatable };
    return { name: QuotePrice.name, isRepeatable, ask: () => messenger.call(contract, { lines }) };
  };
  /** @type {(isRepeatable: boolean) => Question} */
  const stock = (isRepeatable) => {
    const contract = { ...ListStock, idempotent: isRepeatable };
    return { name: ListStock.name, isRepeatable, ask: () => messenger.call(contract, {}) };
  };
  /** @type {Question} */
  const figures = {
    name: GetFigures.name,
    isRepeatable: GetFigures.idempotent,
    ask: () => messenger.call(GetFigures, {}),
  };
  /** @type {Question} */
  const orders = {
    name: ListOrders.name,
    isRepeatable: ListOrders.idempotent,
    ask: () => messenger.call(ListOrders, { limit: 1 }),
  };
  const quotes = [quote(true), quote(false)];
  return { quotes, everything: [...quotes, stock(true), stock(false), figures, orders] };
}
