// Runs before every npm run chaos. The judge finds each broken promise in a record that is otherwise right, and the schedule repeats.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from './check.mjs';
import { chaosOptions } from './options.mjs';
import { PLANTS } from './plants.mjs';
import { FAULTS, GAPS, scheduleOf, sparedBy } from './schedule.mjs';

const event = (id, contract, key, body = {}) => ({ id, contract, key, message: `m${id}`, body });

/** Two orders: `good` was delivered; `bad` could not be shipped, and was undone. */
function rightRecord() {
  const lines = [{ sku: 'TEA-1', quantity: 2 }];
  const way = (key, contracts, from) => contracts.map((contract, n) => event(String(from + n), contract, key, { total: 500 }));
  return {
    options: { faults: ['F01'], within: 60 },
    rest: { atRest: true, after: 3, stoodStill: 1, waiting: {} },
    history: [
      { type: 'invoke', key: 'k1', lines },
      { type: 'unknown', key: 'k1' },
      { type: 'ok', key: 'k1', orderId: 'good' },
      { type: 'invoke', key: 'k2', lines },
      { type: 'ok', key: 'k2', orderId: 'bad' },
      { type: 'hostile', key: 'h1', sort: 'empty', status: 422 },
    ],
    faults: [{ fault: 'F01', bit: true }],
    sinks: {
      ledger: [
        { kind: 'charge', status: 'captured', key: 'good:charge', amount: 500 },
        { kind: 'charge', status: 'captured', key: 'bad:charge', amount: 500 },
        { kind: 'refund', key: 'bad:refund', amount: 500 },
      ],
      mails: [{ file: 'a', order: 'good' }, { file: 'b', order: 'bad' }],
      orders: [{ order_id: 'good', idempotency_key: 'k1', lines, total: 500 }, { order_id: 'bad', idempotency_key: 'k2', lines, total: 500 }],
      views: [
        { order_id: 'good', status: 'delivered', total: 500, lines, history: Array(5).fill({}) },
        { order_id: 'bad', status: 'rejected', total: 500, lines, history: Array(7).fill({}) },
      ],
      sagas: [{ key: 'good', stage: 'delivered', ended_at: 'now' }, { key: 'bad', stage: 'rejected', ended_at: 'now' }],
      stock: [{ sku: 'TEA-1', initial: 10, available: 8, reserved: 0, shipped: 2 }],
      reservations: [],
      payments: [],
      parcels: [{ order_id: 'good' }],
      figures: [{ order_id: 'good', total: 500, outcome: 'delivered', mails: 1 }, { order_id: 'bad', total: 500, outcome: 'rejected', mails: 1 }],
      events: [
        ...way('good', ['orders.order-placed', 'inventory.stock-reserved', 'payments.payment-captured', 'shipping.parcel-dispatched', 'orders.order-delivered', 'notifications.customer-notified'], 1),
        ...way('bad', ['orders.order-placed', 'inventory.stock-reserved', 'payments.payment-captured', 'shipping.shipment-refused', 'payments.payment-refunded', 'inventory.stock-released', 'orders.order-rejected', 'notifications.customer-notified'], 10),
      ],
      dead: [],
      left: { outbox: 0, queued: 0 },
      redeliveries: 2,
    },
  };
}

/** [what is broken, how, who finds it] */
const BROKEN = [
  ['an acknowledged order is lost', ({ sinks }) => sinks.orders.shift(), 'I1'],
  ['a key got a second order', ({ history }) => history.push({ type: 'ok', key: 'k1', orderId: 'other' }), 'I1'],
  ['an order nobody asked for', ({ sinks }) => sinks.orders.push({ ...sinks.orders[0], order_id: 'x', idempotency_key: 'h1' }), 'I1'],
  ['an order of other things', ({ sinks }) => (sinks.orders[0].lines = [{ sku: 'TEA-1', quantity: 3 }]), 'I1'],
  ['a charge is lost', ({ sinks }) => sinks.ledger.shift(), 'I2'],
  ['a refund is lost', ({ sinks }) => sinks.ledger.pop(), 'I2'],
  ['money was taken for nothing', ({ sinks }) => sinks.ledger.push({ kind: 'charge', status: 'captured', key: 'ghost:charge', amount: 1 }), 'I2'],
  ['stock vanished', ({ sinks }) => (sinks.stock[0].available = 7), 'I3'],
  ['stock was sent twice', ({ sinks }) => Object.assign(sinks.stock[0], { available: 6, shipped: 4 }), 'I3'],
  ['stock stays reserved', ({ sinks }) => Object.assign(sinks.stock[0], { available: 6, reserved: 2 }), 'I3'],
  ['a card was charged twice', ({ sinks }) => sinks.ledger.push({ ...sinks.ledger[0], key: 'good:charge:again' }), 'I4'],
  ['a mail came twice', ({ sinks }) => sinks.mails.push({ file: 'c', order: 'good' }), 'I4'],
  ['a mail never came', ({ sinks }) => sinks.mails.pop(), 'I4'],
  ['an event was published twice', ({ sinks }) => sinks.events.push(event('99', 'payments.payment-captured', 'good')), 'I4'],
  ['a saga hangs', ({ sinks }) => (sinks.sagas[0].ended_at = null), 'I5'],
  ['a saga is missing', ({ sinks }) => sinks.sagas.pop(), 'I5'],
  ['it was undone in the wrong order', ({ sinks }) => ([sinks.events[10].id, sinks.events[11].id] = [sinks.events[11].id, sinks.events[10].id]), 'I5'],
  ['a delivered order was undone', ({ sinks }) => sinks.events.push(event('99', 'inventory.stock-released', 'good')), 'I5'],
  ['an order stays open', ({ sinks }) => (sinks.views[0].status = 'paid'), 'I6'],
  ['it never came to rest', ({ rest }) => Object.assign(rest, { atRest: false, waiting: { queued: 3 } }), 'I6'],
  ['it stood still too long', ({ rest }) => (rest.stoodStill = 90), 'I6'],
  ['a message stays in a queue', ({ sinks }) => (sinks.left.queued = 1), 'I7'],
  ['a view holds a line twice', ({ sinks }) => sinks.views[0].history.push({}), 'I8'],
  ['a figure counted twice', ({ sinks }) => (sinks.figures[0].mails = 2), 'I8'],
  ['a projection missed an order', ({ sinks }) => sinks.figures.pop(), 'I8'],
  ['a good message died', ({ sinks }) => sinks.dead.push({ queue: 'payments', message_id: 'm', contract: 'c', error: 'E', cause: 'x' }), 'I9'],
  ['rubbish vanished', ({ faults }) => faults.push({ fault: 'F16', id: 'r', sent: true, bit: true }), 'I9'],
  ['a hostile request was taken', ({ history }) => history.push({ type: 'hostile', key: 'h2', sort: 'empty', status: 202 }), 'hostile'],
  ['a hostile request broke the edge', ({ history }) => history.push({ type: 'hostile', key: 'h2', sort: 'empty', status: 500 }), 'hostile'],
  ['a process with a wrong clock slept', ({ faults }) => faults.push({ fault: 'F12', victim: 'v', phases: [{ off: 1, worked: 3 }, { off: 0, worked: 0 }] }), 'clock'],
  ['a fault did nothing', ({ faults }) => (faults[0].bit = false), 'bit'],
  ['no process ended at one of the steps', ({ faults }) => faults.push({ fault: 'F02', gaps: [{ point: 'a', bit: true }, { point: 'b', bit: false }] }), 'bit'],
  ['kills had nothing delivered again', ({ sinks }) => (sinks.redeliveries = 0), 'bit'],
];

const broken = (record) => check(record).filter(({ ok }) => !ok);

describe('the judge', () => {
  it('finds nothing where everything is right', () => assert.deepEqual(broken(rightRecord()), []));

  for (const [what, breakIt, who] of BROKEN)
    it(`finds it when ${what}`, () => {
      const record = rightRecord();
      breakIt(record);
      assert.ok(broken(record).some(({ id }) => id === who), `found by ${broken(record).map(({ id }) => id)}`);
    });
});

describe('the schedule', () => {
  const options = { seed: 42, seconds: 300, faults: Object.keys(FAULTS).sort() };

  it('is the same for the same seed', () => assert.deepEqual(scheduleOf(options), scheduleOf(options)));
  it('is another for another seed', () => assert.notDeepEqual(scheduleOf(options), scheduleOf({ ...options, seed: 43 })));
  it('holds every fault', () => assert.deepEqual([...new Set(scheduleOf(options).map(({ fault }) => fault))].sort(), options.faults));
  it('kills nobody in a power cut', () => {
    const cuts = scheduleOf(options).filter(({ fault }) => fault === 'F17');
    const killed = scheduleOf(options).filter(({ fault, at }) => fault === 'F01' && cuts.some((cut) => at >= cut.at && at < cut.until));
    assert.deepEqual(killed, []);
  });
  it('tries every step of a message', () => {
    const { gaps } = scheduleOf(options).find(({ fault }) => fault === 'F02');
    assert.deepEqual(gaps.map(({ point }) => point), Object.keys(GAPS));
  });
  it('kills nobody who stands still, ends by itself, or has a wrong clock, nor those who must take over', () => {
    const turns = scheduleOf(options).filter(({ until }) => until);
    const killed = scheduleOf(options).filter(({ fault, at, victim }) => fault === 'F01' && turns.some((turn) => at >= turn.at && at < turn.until && sparedBy(turn).includes(victim)));
    assert.deepEqual(killed, []);
    assert.ok(sparedBy({ fault: 'F03', victims: ['orders-2'] }).includes('orders-1'));
  });
  it('is another for a plant: what bites it, and nothing else', () => {
    for (const [planted, { faults, gaps }] of Object.entries(PLANTS)) {
      const schedule = scheduleOf(chaosOptions(['--planted', planted]));
      assert.deepEqual([...new Set(schedule.map(({ fault }) => fault))].sort(), faults);
      if (gaps) assert.deepEqual(schedule.find((event) => event.gaps).gaps.map(({ point }) => point), gaps);
    }
  });
});
