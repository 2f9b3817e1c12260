// Runs before every npm run chaos. The judge finds each broken promise in a record that is
// otherwise right, and the schedule repeats.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { parseMail } from '../tools/shop/mails.mjs';
import { check } from './check.mjs';
import { edited } from './edits.mjs';
import { chaosOptions } from './options.mjs';
import { FAULTY_EDITS } from './faulty.mjs';
import { replace } from './planted/replace.cjs';
import { PLANTS } from './plants.mjs';
import { APART, GAPS, scheduleOf, shortestFor, sparedBy, TOGETHER } from './schedule.mjs';

/** @import * as Books from '../tools/shop/accounting.mjs' */
/** @import { Mail } from '../tools/shop/mails.mjs' */
/** @import { Death, Evidence, EventBody, Fault, Gap, HistoryEntry, Sinks } from './record.mjs' */

// Rows of the record, with the fields that rules read.
/** @typedef {Omit<HistoryEntry, 'at'> & { at?: number }} Told */
/**
 * @typedef {Partial<Omit<Fault, 'gaps' | 'deaths'>> & { gaps?: Partial<Gap>[], deaths?:
 * Partial<Death>[] }} Suffered
 */
/** @typedef {Partial<Books.LedgerEntry>} Entry */
/** @typedef {Books.Line & { price?: number }} OrderLine */
/** @typedef {Omit<Books.OrderRow, 'lines'> & { lines: OrderLine[] }} Order */
/**
 * @typedef {Omit<Books.ViewRow, 'history' | 'placed_at' | 'finished_at'> & { history:
 * Partial<Books.HistoryLine>[], placed_at?: Date, finished_at?: Date }} View
 */
/** @typedef {Omit<Books.ParcelRow, 'tracking_number'> & { tracking_number?: string }} Parcel */
/**
 * Two rows, or more.
 * @template T
 * @typedef {[T, T, ...T[]]} Rows
 */
/**
 * @typedef {object} Found
 * @property {[Entry, Entry, Entry, ...Entry[]]} ledger
 * @property {Rows<Mail>} mails
 * @property {Rows<Order>} orders
 * @property {Rows<View>} views
 * @property {Rows<Books.SagaRow>} sagas
 * @property {[Books.StockRow]} stock
 * @property {Rows<Books.ReservationRow>} reservations
 * @property {Rows<Books.PaymentRow>} payments
 * @property {Rows<Parcel>} parcels
 * @property {Rows<Books.FigureRow>} figures
 * @property {Sinks['events']} events
 * @property {Sinks['dead']} dead
 * @property {Sinks['left']} left
 * @property {number} redeliveries
 */
/**
 * @typedef {object} RightRecord
 * @property {{ faults: string[], within: number }} options
 * @property {Evidence['rest']} rest
 * @property {Told[]} history
 * @property {[Suffered, ...Suffered[]]} faults
 * @property {Found} sinks
 */
/** @typedef {(record: RightRecord) => unknown} Change */

/**
 * @param {string} contract
 * @param {string} key
 * @param {EventBody} [body]
 */
const event = (contract, key, body = {}) => ({ contract, key, body });
const LINES = [{ sku: 'TEA-1', quantity: 2, price: 250 }];

/**
 * The events of a good order, one after the other.
 * @type {[contract: string, body?: EventBody][]}
 */
const GOOD = [
  ['orders.order-placed', { total: 500, lines: LINES }],
  ['inventory.stock-reserved'],
  ['payments.payment-captured', { amount: 500 }],
  ['shipping.parcel-dispatched', { trackingNumber: 'PL1', lines: LINES }],
  ['orders.order-shipped', { total: 500, trackingNumber: 'PL1' }],
  ['notifications.customer-notified'],
  ['shipping.parcel-moved', { place: 'Leipzig' }],
  ['shipping.parcel-delivered'],
  ['orders.order-delivered', { total: 500 }],
];
/** @type {[contract: string, body?: EventBody][]} */
const BAD = [
  ['orders.order-placed', { total: 500, lines: LINES }],
  ['inventory.stock-reserved'],
  ['payments.payment-captured', { amount: 500 }],
  ['shipping.shipment-refused', { reason: 'too far' }],
  ['payments.payment-refunded', { amount: 500 }],
  ['inventory.stock-released'],
  ['orders.order-rejected', { total: 500, reason: 'too far' }],
  ['notifications.customer-notified'],
];
/**
 * @param {string} by
 * @param {string} what
 * @param {number} n
 */
const entry = (by, what, n) => ({ number: n + 1, by, what });
/** @type {[by: string, what: string][]} */
const GOOD_STORY = [
  ['orders', 'order placed'],
  ['inventory', 'stock reserved'],
  ['payments', 'payment of €5.00 captured'],
  ['shipping', 'parcel PL1 handed to the carrier'],
  ['shipping', 'parcel seen in Leipzig'],
  ['orders', 'order delivered'],
];
/** @type {[by: string, what: string][]} */
const BAD_STORY = [
  ['orders', 'order placed'],
  ['inventory', 'stock reserved'],
  ['payments', 'payment of €5.00 captured'],
  ['shipping', 'cannot be shipped: too far'],
  ['payments', '€5.00 refunded'],
  ['inventory', 'stock released'],
  ['orders', 'order rejected: too far'],
];
/** @param {[by: string, what: string][]} lines */
const story = (lines) => lines.map(([by, what], n) => entry(by, what, n));
/** @param {string[]} stages */
const path = (...stages) => stages.map((to, n) => ({ to, ...(n > 0 && { from: stages[n - 1] }) }));
/**
 * @param {string} orderId
 * @param {[by: string, what: string][]} lines
 * @param {string} last
 * @returns {Told[]}
 */
const seen = (orderId, lines, last) =>
  lines.map(([, what], n) => ({
    type: 'seen',
    orderId,
    number: n + 1,
    what,
    ...(n === lines.length - 1 && { status: last }),
  }));

/**
 * Two orders: `good` was delivered; `bad` could not be shipped, and was undone.
 * @returns {RightRecord}
 */
function rightRecord() {
  const lines = LINES.map((line) => ({ ...line }));
  const wish = [{ sku: 'TEA-1', quantity: 2 }];
  return structuredClone({
    options: { faults: ['F01'], within: 60 },
    rest: { atRest: true, after: 3, stoodStill: 1, waiting: {} },
    history: [
      { type: 'prices', prices: { 'TEA-1': 250 } },
      { type: 'invoke', key: 'k1', lines: wish, token: 'tok_ok', email: 'one@x.example' },
      { type: 'unknown', key: 'k1' },
      { type: 'ok', key: 'k1', orderId: 'good' },
      { type: 'invoke', key: 'k2', lines: wish, token: 'tok_ok', email: 'two@x.example' },
      { type: 'ok', key: 'k2', orderId: 'bad' },
      { type: 'hostile', key: 'h1', sort: 'empty', status: 422 },
      { type: 'follow', orderId: 'good' },
      ...seen('good', GOOD_STORY, 'delivered'),
      { type: 'followed', orderId: 'good' },
    ],
    faults: [{ fault: 'F01', bit: true }],
    sinks: {
      ledger: [
        {
          kind: 'charge',
          status: 'captured',
          id: 'c1',
          key: 'good:charge',
          amount: 500,
          reference: 'good',
          token: 'tok_ok',
          at: '2026-01-01T00:00:00Z',
        },
        {
          kind: 'charge',
          status: 'captured',
          id: 'c2',
          key: 'bad:charge',
          amount: 500,
          reference: 'bad',
          token: 'tok_ok',
          at: '2026-01-01T00:00:01Z',
        },
        {
          kind: 'refund',
          key: 'bad:refund',
          charge: 'bad:charge',
          amount: 500,
          at: '2026-01-01T00:00:02Z',
        },
      ],
      mails: [
        {
          file: 'a',
          order: 'good',
          to: 'one@x.example',
          text: 'Its tracking number is PL1.\n\nWe charged € 5.00 to your card.\n\nNumber: good.',
        },
        {
          file: 'b',
          order: 'bad',
          to: 'two@x.example',
          text: 'we could not fulfil your order over € 5.00, because too far.\n\nNumber: bad.',
        },
      ],
      orders: [
        { order_id: 'good', idempotency_key: 'k1', lines, total: 500, email: 'one@x.example' },
        { order_id: 'bad', idempotency_key: 'k2', lines, total: 500, email: 'two@x.example' },
      ],
      views: [
        { order_id: 'good', status: 'delivered', total: 500, lines, history: story(GOOD_STORY) },
        { order_id: 'bad', status: 'rejected', total: 500, lines, history: story(BAD_STORY) },
      ],
      sagas: [
        {
          key: 'good',
          stage: 'delivered',
          ended_at: 'now',
          history: path('reserving', 'charging', 'shipping', 'delivering', 'delivered'),
        },
        {
          key: 'bad',
          stage: 'rejected',
          ended_at: 'now',
          history: path('reserving', 'charging', 'shipping', 'refunding', 'releasing', 'rejected'),
        },
      ],
      stock: [{ sku: 'TEA-1', initial: 10, available: 8, reserved: 0, shipped: 2 }],
      reservations: [
        { order_id: 'good', status: 'shipped', lines: wish },
        { order_id: 'bad', status: 'released', lines: wish },
      ],
      payments: [
        { order_id: 'good', status: 'captured', amount: 500, reference: 'c1' },
        { order_id: 'bad', status: 'refunded', amount: 500, reference: 'c2' },
      ],
      parcels: [
        { order_id: 'good', status: 'delivered', tracking_number: 'PL1' },
        { order_id: 'bad', status: 'refused', tracking_number: 'PL2' },
      ],
      figures: [
        { order_id: 'good', total: 500, outcome: 'delivered', mails: 1 },
        { order_id: 'bad', total: 500, outcome: 'rejected', mails: 1 },
      ],
      events: [
        ...GOOD.map(([contract, body]) => event(contract, 'good', body)),
        ...BAD.map(([contract, body]) => event(contract, 'bad', body)),
      ],
      dead: [],
      left: { outbox: 0, queued: 0 },
      redeliveries: 2,
    },
  });
}

/**
 * @template T
 * @param {readonly T[]} rows
 * @param {number} n
 */
const rowOf = (rows, n) => rows.at(n) ?? assert.fail(`there is no row ${n}`);
/**
 * @param {readonly Told[]} history
 * @param {number} number
 */
const stageOf = (history, number) =>
  history.find((one) => one.number === number) ?? assert.fail(`nobody saw a stage ${number}`);
/**
 * Puts an order's event of one contract just before that of another.
 * @param {Found} sinks
 * @param {string} key
 * @param {string} contract
 * @param {string} other
 */
function before({ events }, key, contract, other) {
  /** @param {string} name */
  const at = (name) => events.findIndex((one) => one.key === key && one.contract === name);
  const moved = events.splice(at(contract), 1);
  events.splice(at(other), 0, ...moved);
}
/**
 * @param {Found} sinks
 * @param {string} contract
 */
const without = (sinks, contract) =>
  (sinks.events = sinks.events.filter((one) => one.contract !== contract));
/**
 * @param {Found} sinks
 * @param {string} key
 * @param {string} contract
 */
const eventOf = ({ events }, key, contract) =>
  events.find((one) => one.key === key && one.contract === contract) ??
  assert.fail(`there is no ${contract} of ${key}`);

/**
 * Thirty smooth orders before a fault for one order alone, and thirty while it went on that took so
 * many milliseconds.
 * @param {RightRecord} record
 * @param {number} took
 */
function withPace(record, took) {
  const { history, sinks, faults, options } = record;
  options.faults = ['F20'];
  faults.length = 0;
  faults.push({
    fault: 'F20',
    bit: true,
    from: 100_000,
    to: 200_000,
    poison: 'bad',
    replayed: true,
    deaths: [
      { orderId: 'bad', error: 'HandlerTimeoutError', cause: 'it did not end', deliveries: 3 },
    ],
  });
  for (let n = 0; n < 60; n++) {
    const [order, key, began] = [`o${n}`, `kp${n}`, n < 30 ? n * 1000 : 100_000 + n * 1000];
    history.push({ type: 'invoke', key, lines: [], token: 'tok_ok', email: 'e', at: began });
    sinks.orders.push({ order_id: order, idempotency_key: key, lines: [], total: 0, email: 'e' });
    sinks.views.push({
      order_id: order,
      status: 'delivered',
      total: 0,
      lines: [],
      history: [],
      placed_at: new Date(began),
      finished_at: new Date(began + (n < 30 ? 1000 : took)),
    });
  }
}
/**
 * For the invariants of pace and poison alone.
 * @param {Change} [change]
 * @returns {Change}
 */
const paceOf = (change) => (record) => (withPace(record, 1500), change?.(record));

/** @type {[finding: string, change: Change, foundBy: string][]} */
const BROKEN = [
  ['an acknowledged order is lost', ({ sinks }) => sinks.orders.shift(), 'I1'],
  [
    'a key got a second order',
    ({ history }) => history.push({ type: 'ok', key: 'k1', orderId: 'other' }),
    'I1',
  ],
  [
    'an order nobody asked for',
    ({ sinks }) => sinks.orders.push({ ...sinks.orders[0], order_id: 'x', idempotency_key: 'h1' }),
    'I1',
  ],
  [
    'an order of other things',
    ({ sinks }) => (sinks.orders[0].lines = [{ sku: 'TEA-1', quantity: 3 }]),
    'I1',
  ],
  [
    'an order is kept for another customer',
    ({ sinks }) => (sinks.orders[0].email = 'two@x.example'),
    'I1',
  ],
  ['an order costs less than its lines', ({ sinks }) => (sinks.orders[0].total = 50), 'I2'],
  [
    'a line costs another price than was shown',
    ({ history }) => (rowOf(history, 0).prices = { 'TEA-1': 25 }),
    'I2',
  ],
  [
    'all of it costs a tenth, charge and view alike',
    ({ sinks }) =>
      ([
        sinks.orders[0].total,
        sinks.views[0].total,
        sinks.ledger[0].amount,
        sinks.payments[0].amount,
        sinks.figures[0].total,
      ] = [50, 50, 50, 50, 50]),
    'I2',
  ],
  ['a view shows another total', ({ sinks }) => (sinks.views[0].total = 400), 'I2'],
  [
    'a view shows other lines',
    ({ sinks }) => (sinks.views[0].lines = [{ sku: 'TEA-2', quantity: 2 }]),
    'I2',
  ],
  ['a figure holds another total', ({ sinks }) => (sinks.figures[0].total = 400), 'I2'],
  [
    'an event speaks of another amount',
    ({ sinks }) => (eventOf(sinks, 'good', 'payments.payment-captured').body.amount = 50),
    'I2',
  ],
  [
    'an event speaks of other lines',
    ({ sinks }) => (eventOf(sinks, 'good', 'shipping.parcel-dispatched').body.lines = []),
    'I2',
  ],
  [
    'an event names another parcel',
    ({ sinks }) => (eventOf(sinks, 'good', 'orders.order-shipped').body.trackingNumber = 'PL9'),
    'I2',
  ],
  [
    'an event speaks of no order',
    ({ sinks }) => sinks.events.push(event('inventory.stock-released', 'ghost')),
    'I2',
  ],
  ['a tenth was charged', ({ sinks }) => (sinks.ledger[0].amount = 50), 'I2'],
  ['another card was charged', ({ sinks }) => (sinks.ledger[0].token = 'tok_slow'), 'I2'],
  ['a refund is smaller than its charge', ({ sinks }) => (sinks.ledger[2].amount = 400), 'I2'],
  [
    'a refund came before its charge',
    ({ sinks }) => (sinks.ledger[2].at = '2026-01-01T00:00:00Z'),
    'I2',
  ],
  ['a refund is for nothing', ({ sinks }) => (sinks.ledger[2].charge = 'ghost:charge'), 'I2'],
  ['payments does not know a charge', ({ sinks }) => sinks.payments.shift(), 'I2'],
  [
    'payments knows a charge that never was',
    ({ sinks }) =>
      sinks.payments.push({ order_id: 'good2', status: 'captured', amount: 500, reference: 'c9' }),
    'I2',
  ],
  ['payments holds another amount', ({ sinks }) => (sinks.payments[0].amount = 50), 'I2'],
  ['payments holds another charge', ({ sinks }) => (sinks.payments[0].reference = 'c2'), 'I2'],
  ['payments missed a refund', ({ sinks }) => (sinks.payments[1].status = 'captured'), 'I2'],
  [
    'payments knows a refund that never was',
    ({ sinks }) => (sinks.payments[0].status = 'refunded'),
    'I2',
  ],
  ['a charge is lost', ({ sinks }) => sinks.ledger.shift(), 'I2'],
  ['a refund is lost', ({ sinks }) => sinks.ledger.pop(), 'I2'],
  [
    'money was taken for nothing',
    ({ sinks }) =>
      sinks.ledger.push({
        kind: 'charge',
        status: 'captured',
        key: 'ghost:charge',
        amount: 1,
        reference: 'ghost',
      }),
    'I2',
  ],
  ['stock vanished', ({ sinks }) => (sinks.stock[0].available = 7), 'I3'],
  [
    'stock was sent twice',
    ({ sinks }) => Object.assign(sinks.stock[0], { available: 6, shipped: 4 }),
    'I3',
  ],
  [
    'stock stays reserved',
    ({ sinks }) => Object.assign(sinks.stock[0], { available: 6, reserved: 2 }),
    'I3',
  ],
  [
    'other pieces were reserved than ordered',
    ({ sinks }) => (sinks.reservations[1].lines = [{ sku: 'TEA-1', quantity: 1 }]),
    'I3',
  ],
  ['a delivered order never had stock', ({ sinks }) => sinks.reservations.shift(), 'I3'],
  [
    'the stock of a rejected order was shipped',
    ({ sinks }) => (sinks.reservations[1].status = 'shipped'),
    'I3',
  ],
  [
    'stock was reserved for no order',
    ({ sinks }) => sinks.reservations.push({ order_id: 'ghost', status: 'released', lines: [] }),
    'I3',
  ],
  ['a delivered order has no parcel', ({ sinks }) => sinks.parcels.shift(), 'I3'],
  [
    'the parcel of a delivered order is still under way',
    ({ sinks }) => (sinks.parcels[0].status = 'dispatched'),
    'I3',
  ],
  [
    'the parcel of a rejected order left',
    ({ sinks }) => (sinks.parcels[1].status = 'dispatched'),
    'I3',
  ],
  [
    'a parcel belongs to no order',
    ({ sinks }) => sinks.parcels.push({ order_id: 'ghost', status: 'refused' }),
    'I3',
  ],
  [
    'a card was charged twice',
    ({ sinks }) => sinks.ledger.push({ ...sinks.ledger[0], key: 'good:charge:again' }),
    'I4',
  ],
  ['a mail came twice', ({ sinks }) => sinks.mails.push({ ...sinks.mails[0], file: 'c' }), 'I4'],
  [
    'an event was published twice',
    ({ sinks }) => sinks.events.push(event('payments.payment-captured', 'good', { amount: 500 })),
    'I4',
  ],
  ['a mail never came', ({ sinks }) => sinks.mails.pop(), 'mails'],
  [
    'a mail speaks of another amount',
    ({ sinks }) => (sinks.mails[0].text = sinks.mails[0].text.replace('5.00', '50.00')),
    'mails',
  ],
  ['a mail went to somebody else', ({ sinks }) => (sinks.mails[0].to = 'two@x.example'), 'mails'],
  [
    'a mail names another order',
    ({ sinks }) => (sinks.mails[0].text = sinks.mails[0].text.replace('good', 'bad')),
    'mails',
  ],
  [
    'a mail names another parcel',
    ({ sinks }) => (sinks.mails[0].text = sinks.mails[0].text.replace('PL1', 'PL2')),
    'mails',
  ],
  [
    'a mail promises what was rejected',
    ({ sinks }) => (sinks.mails[1].text = sinks.mails[0].text.replace('good', 'bad')),
    'mails',
  ],
  [
    'a mail is sorry for what was delivered',
    ({ sinks }) =>
      (sinks.mails[0].text = sinks.mails[1].text.replace('Number: bad', 'Number: good')),
    'mails',
  ],
  [
    'a mail is about no order',
    ({ sinks }) => sinks.mails.push({ file: 'c', order: 'ghost', to: 'x', text: '' }),
    'mails',
  ],
  [
    'stock was reserved before the order was placed',
    ({ sinks }) => before(sinks, 'good', 'inventory.stock-reserved', 'orders.order-placed'),
    'steps',
  ],
  [
    'it was paid before stock was reserved',
    ({ sinks }) => before(sinks, 'good', 'payments.payment-captured', 'inventory.stock-reserved'),
    'steps',
  ],
  [
    'it was shipped before it was paid',
    ({ sinks }) => before(sinks, 'good', 'shipping.parcel-dispatched', 'payments.payment-captured'),
    'steps',
  ],
  [
    'it was told as shipped before its parcel left',
    ({ sinks }) => before(sinks, 'good', 'orders.order-shipped', 'shipping.parcel-dispatched'),
    'steps',
  ],
  [
    'it was delivered at dispatch',
    ({ sinks }) => before(sinks, 'good', 'orders.order-delivered', 'shipping.parcel-moved'),
    'steps',
  ],
  [
    'it was delivered without its parcel',
    ({ sinks }) => without(sinks, 'shipping.parcel-delivered'),
    'steps',
  ],
  [
    'its parcel was seen before it left',
    ({ sinks }) => before(sinks, 'good', 'shipping.parcel-moved', 'shipping.parcel-dispatched'),
    'steps',
  ],
  [
    'its parcel arrived before it left',
    ({ sinks }) => before(sinks, 'good', 'shipping.parcel-delivered', 'shipping.parcel-dispatched'),
    'steps',
  ],
  [
    'it was refunded before it was charged',
    ({ sinks }) => before(sinks, 'bad', 'payments.payment-refunded', 'payments.payment-captured'),
    'steps',
  ],
  [
    'a customer was told too early',
    ({ sinks }) => before(sinks, 'good', 'notifications.customer-notified', 'orders.order-shipped'),
    'steps',
  ],
  [
    'a follower missed a stage',
    ({ history }) =>
      history.splice(
        history.findIndex(({ number }) => number === 3),
        1,
      ),
    'followed',
  ],
  [
    'a follower saw a stage twice',
    ({ history }) => history.splice(history.length - 1, 0, ...history.slice(-2, -1)),
    'followed',
  ],
  [
    'a follower saw stages swapped',
    ({ history }) =>
      history.splice(history.length - 2, 0, ...history.splice(history.length - 3, 1)),
    'followed',
  ],
  [
    'a follower saw an order go back',
    ({ history }) => (
      (stageOf(history, 2).status = 'delivered'),
      (stageOf(history, 3).status = 'paid')
    ),
    'followed',
  ],
  ['a follower never saw the end', ({ history }) => history.pop(), 'followed'],
  [
    'a follower lost the last stage',
    ({ history }) => history.splice(history.length - 2, 1),
    'followed',
  ],
  [
    'no order was followed',
    (record) => (record.history = record.history.filter(({ type }) => type !== 'follow')),
    'followed',
  ],
  ['a saga hangs', ({ sinks }) => (sinks.sagas[0].ended_at = null), 'I5'],
  ['a saga is missing', ({ sinks }) => sinks.sagas.pop(), 'I5'],
  [
    'it was undone in the wrong order',
    ({ sinks }) => before(sinks, 'bad', 'inventory.stock-released', 'payments.payment-refunded'),
    'I5',
  ],
  [
    'a delivered order was undone',
    ({ sinks }) => sinks.events.push(event('inventory.stock-released', 'good')),
    'I5',
  ],
  [
    'a saga ended elsewhere than its order',
    ({ sinks }) =>
      Object.assign(sinks.sagas[0], {
        stage: 'delivering',
        history: sinks.sagas[0].history.slice(0, -1),
      }),
    'I5',
  ],
  ['a saga skipped a stage', ({ sinks }) => sinks.sagas[0].history.splice(2, 1), 'I5'],
  [
    'the history of a saga ends elsewhere than the saga',
    ({ sinks }) => sinks.sagas[0].history.pop(),
    'I5',
  ],
  ['an order stays open', ({ sinks }) => (sinks.views[0].status = 'paid'), 'I6'],
  [
    'it never came to rest',
    ({ rest }) => Object.assign(rest, { atRest: false, waiting: { queued: 3 } }),
    'I6',
  ],
  ['it stood still too long', ({ rest }) => (rest.stoodStill = 90), 'I6'],
  ['a message stays in a queue', ({ sinks }) => (sinks.left.queued = 1), 'I7'],
  ['a view holds a line twice', ({ sinks }) => sinks.views[0].history.push({}), 'I8'],
  [
    'the lines of a view are in another order',
    ({ sinks }) => sinks.views[0].history.reverse(),
    'I8',
  ],
  [
    'a line of a view speaks of another amount',
    ({ sinks }) => (rowOf(sinks.views[0].history, 2).what = 'payment of €50.00 captured'),
    'I8',
  ],
  ['a figure counted twice', ({ sinks }) => (sinks.figures[0].mails = 2), 'I8'],
  ['a projection missed an order', ({ sinks }) => sinks.figures.pop(), 'I8'],
  [
    'a good message died',
    ({ sinks }) =>
      sinks.dead.push({
        queue: 'payments',
        message_id: 'm',
        contract: 'c',
        error: 'E',
        cause: 'x',
      }),
    'I9',
  ],
  [
    'rubbish vanished',
    ({ faults }) => faults.push({ fault: 'F16', id: 'r', sent: true, bit: true }),
    'I9',
  ],
  [
    'a hostile request was taken',
    ({ history }) => history.push({ type: 'hostile', key: 'h2', sort: 'empty', status: 202 }),
    'hostile',
  ],
  [
    'a hostile request broke the edge',
    ({ history }) => history.push({ type: 'hostile', key: 'h2', sort: 'empty', status: 500 }),
    'hostile',
  ],
  [
    'a process with a wrong clock slept',
    ({ faults }) =>
      faults.push({
        fault: 'F12',
        victim: 'v',
        phases: [
          { off: 1, worked: 3 },
          { off: 0, worked: 0 },
        ],
      }),
    'clock',
  ],
  [
    'the others became slow',
    paceOf(({ sinks }) =>
      sinks.views
        .slice(-30)
        .forEach((view) => (view.finished_at = new Date(Number(view.placed_at) + 5000))),
    ),
    'I10',
  ],
  [
    'one of the others was caught for as long as the network was silent',
    paceOf(
      ({ sinks, faults, options }) => (
        (options.faults = ['F05']),
        (faults[0].fault = 'F05'),
        (faults[0].poison = undefined),
        (rowOf(sinks.views, -1).finished_at = new Date(
          Number(rowOf(sinks.views, -1).placed_at) + 50_000,
        ))
      ),
    ),
    'I10',
  ],
  ['too few orders tell the pace', paceOf(({ sinks }) => sinks.views.splice(-20)), 'I10'],
  ['poison never died', paceOf(({ faults }) => (faults[0].deaths = [])), 'I9'],
  [
    'poison died without evidence',
    paceOf(({ faults }) => (rowOf(faults[0].deaths ?? [], 0).cause = '')),
    'I9',
  ],
  ['poison could not be replayed', paceOf(({ faults }) => (faults[0].replayed = false)), 'I9'],
  [
    'nothing paid had to be given back',
    ({ sinks }) => without(sinks, 'payments.payment-refunded'),
    'bit',
  ],
  [
    'nothing reserved had to be released',
    ({ sinks }) => without(sinks, 'inventory.stock-released'),
    'bit',
  ],
  ['a fault did nothing', ({ faults }) => (faults[0].bit = false), 'bit'],
  [
    'no process ended at one of the steps',
    ({ faults }) =>
      faults.push({
        fault: 'F02',
        gaps: [
          { point: 'a', bit: true },
          { point: 'b', bit: false },
        ],
      }),
    'bit',
  ],
  ['kills had nothing delivered again', ({ sinks }) => (sinks.redeliveries = 0), 'bit'],
];

/** @param {RightRecord} record */
const judged = (record) => check(/** @type {Evidence} */ (record));
/** @param {RightRecord} record */
const broken = (record) => judged(record).filter(({ ok }) => !ok);

describe('the judge', () => {
  it('finds nothing where everything is right', () => assert.deepEqual(broken(rightRecord()), []));

  it('finds nothing wrong with a pace that others keep, nor with poison that died', () => {
    const record = rightRecord();
    paceOf()(record);
    assert.deepEqual(
      broken(record).filter(({ id }) => ['I9', 'I10', 'bit'].includes(id)),
      [],
    );
  });

  for (const [what, breakIt, who] of BROKEN)
    it(`finds it when ${what}`, () => {
      const record = rightRecord();
      breakIt(record);
      assert.ok(
        broken(record).some(({ id }) => id === who),
        `found by ${broken(record).map(({ id }) => id)}`,
      );
    });
});

describe('a plant', () => {
  for (const [name, { edits = [], finds }] of Object.entries(PLANTS)) {
    it(`${name} finds what it replaces, each edit behind the other`, () => {
      const texts = new Map(edits.map(({ file }) => [file, fs.readFileSync(file, 'utf8')]));
      for (const edit of edits) texts.set(edit.file, edited(texts.get(edit.file) ?? '', edit));
    });
    it(`${name} is to be found by what the judge knows`, () =>
      assert.deepEqual(
        finds.filter((id) => !judged(rightRecord()).some((finding) => finding.id === id)),
        [],
      ));
  }

  it('may be a faulty build, whose edits find what they replace', () => {
    for (const edit of FAULTY_EDITS) edited(fs.readFileSync(edit.file, 'utf8'), edit);
  });
  it('that does not find what it replaces says so', () => {
    assert.throws(
      () => edited('a b a', { file: 'f', from: 'c', to: '' }),
      /f contains "c" nowhere/,
    );
    assert.throws(
      () => edited('a b a', { file: 'f', from: 'a', to: '' }),
      /f contains "a" more than once/,
    );
    assert.throws(
      () => edited('a b a', { file: 'f', after: 'b', from: 'c', to: '' }),
      /f does not contain "c" behind "b"/,
    );
    /** @type {Record<string, undefined>} */
    const empty = {};
    assert.throws(() => replace(empty, 'gone', () => undefined), /no method gone/);
    assert.equal(edited('a b a', { file: 'f', after: 'b', from: 'a', to: 'd' }), 'a b d');
  });
});

describe('a mail', () => {
  /**
   * @param {string} encoding
   * @param {string} body
   */
  const mail = (encoding, body) =>
    `From: Shop <a@x.example>\r\nTo: =?UTF-8?Q?J=C3=BCrg?= <one@x.example>\r\nMessage-ID: <2cb9f045-6e17-4e1c-8e5c-1469cfa164ee@x>\r\nContent-Type: multipart/alternative;\r\n boundary="--b"\r\n\r\n----b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n----b\r\nContent-Type: text/html\r\n\r\n<p>no</p>\r\n----b--\r\n`;
  for (const [encoding, body] of /** @type {const} */ ([
    ['7bit', 'We charged 5'],
    ['quoted-printable', 'We =\r\ncharged =35'],
    ['base64', Buffer.from('We charged 5').toString('base64')],
  ]))
    it(`is read in ${encoding}`, () => {
      const { order, to, text } = parseMail(mail(encoding, body));
      assert.deepEqual(
        [order, to, text.trim()],
        ['2cb9f045-6e17-4e1c-8e5c-1469cfa164ee', 'one@x.example', 'We charged 5'],
      );
    });
});

describe('the schedule', () => {
  const options = { seed: 42, seconds: 300, faults: [...TOGETHER].sort() };

  it('has the faults of one message or connection beside no others', () => {
    const apart = Object.keys(APART).sort();
    const alone = scheduleOf({ seed: 42, seconds: shortestFor(apart), faults: apart });
    assert.deepEqual(alone.map(({ fault }) => fault).sort(), apart);
    assert.throws(
      () => chaosOptions(['--faults', `F01,${apart[0]}`]),
      /concern one message or connection/,
    );
  });

  it('is the same for the same seed', () =>
    assert.deepEqual(scheduleOf(options), scheduleOf(options)));
  it('is another for another seed', () =>
    assert.notDeepEqual(scheduleOf(options), scheduleOf({ ...options, seed: 43 })));
  it('holds every fault', () =>
    assert.deepEqual(
      [...new Set(scheduleOf(options).map(({ fault }) => fault))].sort(),
      options.faults,
    ));
  it('kills nobody in a power cut', () => {
    const cuts = scheduleOf(options).filter(({ fault }) => fault === 'F17');
    const killed = scheduleOf(options).filter(
      ({ fault, at }) =>
        fault === 'F01' && cuts.some((cut) => at >= cut.at && at < (cut.until ?? cut.at)),
    );
    assert.deepEqual(killed, []);
  });
  it('tries every step of a message', () => {
    const { gaps } = scheduleOf(options).find(({ fault }) => fault === 'F02') ?? {};
    assert.deepEqual(
      gaps?.map(({ point }) => point),
      Object.keys(GAPS),
    );
  });
  it('kills nobody who stands still, ends by itself, or has a wrong clock, nor those who must take over', () => {
    const turns = scheduleOf(options).filter(({ until }) => until);
    const killed = scheduleOf(options).filter(
      ({ fault, at, victim }) =>
        fault === 'F01' &&
        turns.some(
          (turn) =>
            at >= turn.at && at < (turn.until ?? turn.at) && sparedBy(turn).includes(victim ?? ''),
        ),
    );
    assert.deepEqual(killed, []);
    assert.ok(sparedBy({ fault: 'F03', victims: ['orders-2'] }).includes('orders-1'));
  });
  it('is another for a plant: what bites it, and nothing else', () => {
    for (const [planted, { faults, gaps }] of Object.entries(PLANTS)) {
      const schedule = scheduleOf(chaosOptions(['--planted', planted]));
      assert.deepEqual([...new Set(schedule.map(({ fault }) => fault))].sort(), faults);
      if (gaps)
        assert.deepEqual(
          schedule.find((event) => event.gaps)?.gaps?.map(({ point }) => point),
          gaps,
        );
    }
  });
});
