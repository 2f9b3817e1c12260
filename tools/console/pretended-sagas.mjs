// Sagas of the pretended shop, and their repairs.
import { before } from './pretended-replies.mjs';

/** @import { Json } from './pretended-replies.mjs' */

/** @param {string} key @param {number} minutes @param {Json} [more] */
const saga = (key, minutes, more = {}) => ({
  ...{ name: 'fulfilment', key, stage: 'charging', done: false, version: 3 },
  correlationId: `0d31f1ed-0000-4000-8000-00000000000${minutes % 10}`,
  startedAt: before(minutes),
  changedAt: before(minutes - 1),
  ...more,
});

export const SAGAS = [
  saga('4bee58aa-0000-4000-8000-000000000001', 31),
  saga('4bee58aa-0000-4000-8000-000000000002', 5, { stage: 'reserving' }),
  saga('4bee58aa-0000-4000-8000-000000000003', 240, { stage: 'delivered', done: true }),
];

/** Repairs of the sagas by operators. */
export const repairs = /** @type {Json[]} */ ([]);

/** @param {Json} one */
export const wholeSaga = (one) => ({
  ...one,
  ...{ waitsFor: ['payments.payment-captured'], asked: ['payments.charge-payment'] },
  ...{ waitsSince: before(26), cancellable: true, repairs },
  ahead: [
    { on: 'payments.payment-captured', to: 'shipping', says: ['shipping.ship-order'], done: false },
    { on: 'shipping.parcel-dispatched', to: 'delivering', says: [], done: false },
    { on: 'shipping.parcel-delivered', to: 'delivered', says: ['CompleteOrder'], done: true },
  ],
  state: { orderId: one['key'], total: 1290, parcels: [] },
  history: [
    {
      at: before(31),
      trigger: 'orders.order-placed',
      to: 'reserving',
      said: ['inventory.reserve-stock'],
    },
    {
      at: before(30.97),
      trigger: 'inventory.stock-reserved',
      from: 'reserving',
      to: 'charging',
      said: ['payments.charge-payment'],
      changes: [{ field: 'stage', from: '"reserving"', to: '"charging"' }],
    },
  ],
  timeouts: [
    { name: 'payment', due: before(-10), times: 0, failures: 0 },
    { name: 'reminder', due: before(2), times: 3, failures: 3, error: 'the provider is away' },
  ],
});

/** @param {URLSearchParams} query */
export function sagasFor(query) {
  const conversations = JSON.parse(query.get('conversations') ?? 'null');
  const state = query.get('state');
  return SAGAS.filter(
    ({ correlationId, done }) =>
      (conversations === null || conversations.includes(correlationId)) &&
      (state === null || (state === 'finished') === done),
  );
}
