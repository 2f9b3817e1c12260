// Rules for an order's events, read in the order of the log, and for the projections of them.
import { createHash } from 'node:crypto';
import { by, euros, grouped, pieces } from '../tools/shop/accounting.mjs';

/** @import { EventBody, LoggedEvent, Rule, Sinks, Wrong } from './record.mjs' */

/** @type {readonly [step: string, needs: string, finding: string][]} */
const NEEDS = [
  [
    'inventory.stock-reserved',
    'orders.order-placed',
    'its stock was reserved before it was placed',
  ],
  [
    'payments.payment-captured',
    'inventory.stock-reserved',
    'it was paid before its stock was reserved',
  ],
  ['shipping.parcel-dispatched', 'payments.payment-captured', 'it was shipped before it was paid'],
  [
    'orders.order-shipped',
    'shipping.parcel-dispatched',
    'it was told as shipped before its parcel left',
  ],
  ['shipping.parcel-moved', 'shipping.parcel-dispatched', 'its parcel was seen before it left'],
  [
    'shipping.parcel-delivered',
    'shipping.parcel-dispatched',
    'its parcel was delivered before it left',
  ],
  [
    'orders.order-delivered',
    'shipping.parcel-delivered',
    'it was told as delivered before its parcel was',
  ],
];

/**
 * The events of each order, as the log has them.
 * @param {Pick<Sinks, 'events'>} sinks
 */
export const told = ({ events }) => grouped(events, ({ key }) => key);

/** @type {Rule} */
export function steps({ sinks }, wrong) {
  const log = told(sinks);
  for (const { order_id: order } of sinks.orders) judgeSteps(order, log.get(order) ?? [], wrong);
  return `${sinks.events.length} events of ${log.size} orders`;
}

/**
 * @param {string} order
 * @param {readonly LoggedEvent[]} events
 * @param {Wrong} wrong
 */
function judgeSteps(order, events, wrong) {
  /** @param {string} contract */
  const at = (contract) => events.findIndex((event) => event.contract === contract);
  for (const [later, earlier, sentence] of NEEDS) {
    const [first, second] = [at(earlier), at(later)];
    if (second >= 0 && (first < 0 || first > second)) wrong(`${order}: ${sentence}`);
  }
  const refund = events.findIndex(
    ({ contract, body }) => contract === 'payments.payment-refunded' && (body.amount ?? 0) > 0,
  );
  if (
    refund >= 0 &&
    !(at('payments.payment-captured') >= 0 && at('payments.payment-captured') < refund)
  )
    wrong(`${order}: it was refunded before it was charged`);
  const mail = at('notifications.customer-notified');
  const reasons = ['orders.order-shipped', 'orders.order-rejected']
    .map(at)
    .filter((place) => place >= 0);
  if (mail >= 0 && !reasons.some((place) => place < mail))
    wrong(`${order}: its customer was told before it was shipped or rejected`);
}

/**
 * Amounts, lines and tracking numbers in events are the order's own.
 * @type {Rule}
 */
export function amounts({ sinks }, wrong) {
  const orders = by(sinks.orders, 'order_id');
  const parcels = by(sinks.parcels, 'order_id');
  for (const { contract, key, body } of sinks.events) {
    const order = orders.get(key);
    if (!order) {
      wrong(`${contract} speaks of ${key}, which is no order`);
      continue;
    }
    const amount = body.total ?? body.amount;
    const nothingToRefund = contract === 'payments.payment-refunded' && amount === 0;
    if (amount !== undefined && amount !== order.total && !nothingToRefund)
      wrong(`${key} costs ${euros(order.total)}, but ${contract} says ${euros(amount)}`);
    if (body.lines && pieces(body.lines) !== pieces(order.lines))
      wrong(`${key} is over ${pieces(order.lines)}, but ${contract} says ${pieces(body.lines)}`);
    if (
      body.trackingNumber !== undefined &&
      body.trackingNumber !== parcels.get(key)?.tracking_number
    )
      wrong(
        `${contract} names the parcel ${body.trackingNumber} for ${key}, shipping ${parcels.get(key)?.tracking_number}`,
      );
  }
}

/** Events that an order has once. A declined payment may be published again for a new attempt. */
export const ONCE = [
  'orders.order-placed',
  'orders.order-shipped',
  'orders.order-delivered',
  'orders.order-rejected',
  'inventory.stock-reserved',
  'inventory.stock-released',
  'payments.payment-captured',
  'payments.payment-refunded',
  'shipping.parcel-dispatched',
  'shipping.parcel-delivered',
  'notifications.customer-notified',
];

/**
 * @param {string} order
 * @param {readonly LoggedEvent[]} events
 * @param {Wrong} wrong
 * @returns 1 if a step of the order was undone
 */
export function judgeUndoing(order, events, wrong) {
  /** @param {string} contract */
  const at = (contract) => events.findIndex((event) => event.contract === contract);
  const reserved = at('inventory.stock-reserved');
  const captured = at('payments.payment-captured');
  const dispatched = at('shipping.parcel-dispatched');
  const released = at('inventory.stock-released');
  const refunded = at('payments.payment-refunded');
  const rejected = at('orders.order-rejected');
  const delivered = at('orders.order-delivered');
  if (rejected >= 0 && delivered >= 0) wrong(`${order} was both delivered and rejected`);
  if (delivered >= 0 && (released >= 0 || refunded >= 0))
    wrong(`${order} was delivered, but undone`);
  if (rejected < 0) return 0;
  if (dispatched >= 0) wrong(`${order} was rejected, but its parcel left`);
  if (captured >= 0 && refunded < captured)
    wrong(`${order} was rejected after its payment, and not refunded`);
  if (reserved >= 0 && released < reserved)
    wrong(`${order} was rejected after its reservation, and its stock not released`);
  if (captured >= 0 && released >= 0 && refunded > released)
    wrong(`${order}: stock was released before the payment was refunded`);
  if (released > rejected) wrong(`${order} was rejected before its stock was released`);
  return released >= 0 || refunded >= 0 ? 1 : 0;
}

/**
 * By event: the status it leads to, and its line in the history that customers read.
 * @type {Readonly<Record<string, [status: string | undefined, line: (body: EventBody) => string]>>}
 */
const LINES = {
  'orders.order-placed': ['placed', () => 'order placed'],
  'inventory.stock-reserved': ['reserved', () => 'stock reserved'],
  'inventory.stock-rejected': [undefined, ({ sku, reason }) => `no stock of ${sku}: ${reason}`],
  'payments.payment-captured': ['paid', ({ amount }) => `payment of ${euros(amount)} captured`],
  'payments.payment-declined': [undefined, ({ reason }) => `payment declined: ${reason}`],
  'shipping.parcel-dispatched': [
    'shipped',
    ({ trackingNumber }) => `parcel ${trackingNumber} handed to the carrier`,
  ],
  'shipping.shipment-refused': [undefined, ({ reason }) => `cannot be shipped: ${reason}`],
  'shipping.shipment-cancelled': [undefined, () => 'shipment cancelled'],
  'shipping.parcel-moved': [undefined, ({ place }) => `parcel seen in ${place}`],
  'payments.payment-refunded': [
    undefined,
    ({ amount = 0 }) => (amount > 0 ? `${euros(amount)} refunded` : 'nothing to refund'),
  ],
  'inventory.stock-released': [undefined, () => 'stock released'],
  'orders.order-delivered': ['delivered', () => 'order delivered'],
  'orders.order-rejected': ['rejected', ({ reason }) => `order rejected: ${reason}`],
};
const RANK = ['placed', 'reserved', 'paid', 'shipped', 'delivered', 'rejected'];
/** @param {string} [status] */
export const rank = (status) => (status === undefined ? -1 : RANK.indexOf(status));

/**
 * The contents that an order's events give the two projections.
 * @param {readonly LoggedEvent[]} events
 */
function fold(events) {
  const lines = events.flatMap(({ contract, body }) => {
    const line = LINES[contract];
    return line ? [{ contract, leadsTo: line[0], what: line[1](body) }] : [];
  });
  const status = lines.reduce(
    (reached, { leadsTo = reached }) => (rank(leadsTo) > rank(reached) ? leadsTo : reached),
    'placed',
  );
  const total = events.find(({ contract }) => contract === 'orders.order-placed')?.body.total;
  const history = lines.map(
    ({ contract, what }, n) => `${n + 1} ${contract.split('.')[0]}: ${what}`,
  );
  return {
    view: [status, total, ...history].join('; '),
    figure: [
      total,
      rank(status) > 3 ? status : null,
      events.filter(({ contract }) => contract === 'notifications.customer-notified').length,
    ].join(' '),
  };
}

/** @type {Rule} */
export function projections({ sinks }, wrong) {
  const log = told(sinks);
  const views = by(sinks.views, 'order_id');
  const figures = by(sinks.figures, 'order_id');
  const kept = [];
  for (const { order_id: order } of sinks.orders) {
    const expected = fold(log.get(order) ?? []);
    const [view, figure] = [views.get(order), figures.get(order)];
    const viewKept =
      view &&
      [
        view.status,
        view.total,
        ...view.history.map(({ number, by: who, what }) => `${number} ${who}: ${what}`),
      ].join('; ');
    const figureKept = figure && [figure.total, figure.outcome, figure.mails].join(' ');
    if (viewKept !== expected.view)
      wrong(`the view of ${order} is "${viewKept}", its events say "${expected.view}"`);
    if (figureKept !== expected.figure)
      wrong(`the figures hold "${figureKept}" of ${order}, its events say "${expected.figure}"`);
    kept.push(`${order} ${viewKept} ${figureKept}`);
  }
  return `${sinks.events.length} events; checksum ${createHash('sha256').update(kept.sort().join('\n')).digest('hex').slice(0, 12)}`;
}

/**
 * Each step of a saga's history begins at the stage where the step before it ended.
 * @type {Rule}
 */
export function sagaPaths({ sinks }, wrong) {
  for (const { key: order, stage, history } of sinks.sagas) {
    for (const [n, { from, to }] of history.entries()) {
      const before = history[n - 1]?.to;
      if (n > 0 && from !== before)
        wrong(`the saga of ${order} went on from ${from}, but stood at ${before}`);
      if (n === history.length - 1 && to !== stage)
        wrong(`the saga of ${order} stands at ${stage}, but its history ends at ${to}`);
    }
  }
}
