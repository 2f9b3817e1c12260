// Broken promises, to prove that a run finds them. No product code has a switch for them: they
// change the sources of the run's own copy, or methods of its processes, by a module that these
// load first. A text or a method that is not found there ends the run.
import path from 'node:path';

const QUEUE = 'libs/parley/transports/postgres/src/sql/02-queue.sql';
const LOG = 'libs/parley/transports/postgres/src/sql/10-log.sql';
const SAGA = 'apps/orders/src/fulfilment.saga.ts';
/** One order hangs for ever: long enough to tell the pace of the others, and that it dies. */
const ONE_HANGS = { faults: ['F20'], minutes: 1.5 };
/** Found without any harm, in a few orders. */
const PLAIN = { faults: [], minutes: 0.4 };

/** @import { Edit } from './edits.mjs' */

/**
 * `finds`: the invariants that it breaks, one of which the judge must name. `faults`, `gaps`,
 * `minutes`: the harm that shows it. `edits` of the sources (see edits.mjs), or a module to
 * `preload`.
 * @typedef {object} Plant
 * @property {string} what
 * @property {readonly string[]} finds
 * @property {readonly string[]} faults
 * @property {readonly string[]} [gaps]
 * @property {number} minutes
 * @property {readonly Edit[]} [edits]
 * @property {string} [preload]
 */

/** @type {Readonly<Record<string, Plant>>} */
export const PLANTS = {
  'dedup-off': {
    what: 'handled events are not recorded: after a crash they are handled again',
    finds: ['I4', 'I8'],
    faults: ['F01'],
    minutes: 1.5,
    edits: [
      {
        file: LOG,
        after: 'create function parley.settle_event(',
        from: '  insert into event_handled values (s, p, o) on conflict do nothing;\n  get diagnostics n = row_count;\n',
        to: '  n := 1;\n',
      },
      {
        file: LOG,
        after: 'create function parley.settle_events(',
        from: '  insert into event_handled select s, x.p, x.o from unnest(parts, offs) x(p, o) order by x.p, x.o on conflict do nothing;\n  get diagnostics n = row_count;\n',
        to: '  n := cardinality(offs);\n',
      },
    ],
  },
  'outbox-off': {
    what: 'messages are not stored in the transaction, but sent after its commit',
    finds: ['I5', 'I6'],
    faults: ['F01', 'F02'],
    gaps: ['transaction.committed'],
    minutes: 1.5,
    preload: 'planted/outbox-off.cjs',
  },
  'ack-before-commit': {
    what: 'commands are acknowledged before they are handled',
    finds: ['I5', 'I6'],
    faults: ['F02'], // not F01, which asks for redeliveries: there are none any more
    gaps: ['transaction.stored'],
    minutes: 1.5,
    preload: 'planted/ack-before-commit.cjs',
  },
  'fencing-off': {
    what: 'a consumer that lost its lease may still write',
    finds: ['I4', 'I8'],
    faults: ['F03'],
    minutes: 1,
    edits: [
      {
        file: LOG,
        after: 'create function parley.settle_event(',
        from: 'begin\n  perform require_subscription(s);\n',
        to: `begin
  perform require_subscription(s);
  if not exists (select from event_position where sub = s and part = p and epoch = e) then
    insert into chaos.late_write values (format('offset %s of partition %s', o, p));
    return;
  end if;
`,
      },
      {
        file: LOG,
        after: 'create function parley.settle_events(',
        from: 'begin\n  perform require_subscription(s);\n',
        to: `begin
  perform require_subscription(s);
  insert into chaos.late_write select format('offset %s of partition %s', x.o, x.p) from unnest(parts, offs, epochs) x(p, o, e)
    where not exists (select from event_position c where c.sub = s and c.part = x.p and c.epoch = x.e);
  if found then return; end if;
`,
      },
      {
        file: QUEUE,
        after: 'create function parley.settle(',
        from: 'begin\n',
        to: `begin
  if not exists (select from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0) then
    insert into chaos.late_write values (format('message %s of lane %s', i, l));
    return;
  end if;
`,
      },
      {
        file: QUEUE,
        after: 'create function parley.settle_all(',
        from: 'begin\n',
        to: `begin
  insert into chaos.late_write select format('message %s of lane %s', w.id, w.lane) from unnest(lanes, ids) w(lane, id)
    where not exists (select from lane x where x.queue = q and x.lane = w.lane and x.token = t and t <> 0);
  if found then return; end if;
`,
      },
    ],
  },
  'a-tenth-charged': {
    what: 'an order costs a tenth of what its lines cost',
    finds: ['I2'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/catalog/src/quote.ts',
        from: 'sum + price * quantity',
        to: 'sum + Math.round((price * quantity) / 10)',
      },
    ],
  },
  'refund-unrecorded': {
    what: 'payments keeps a refunded charge as captured',
    finds: ['I2'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/payments/src/payment.ts',
        from: "status: reference === undefined ? 'cancelled' : 'refunded'",
        to: "status: reference === undefined ? 'cancelled' : 'captured'",
      },
    ],
  },
  'one-piece-each': {
    what: 'one piece of each line is reserved and shipped, however many were ordered',
    finds: ['I3'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/inventory/src/stock.store.ts',
        from: '[orderId, JSON.stringify(lines)],',
        to: '[orderId, JSON.stringify(lines.map(({ sku }) => ({ sku, quantity: 1 })))],',
      },
    ],
  },
  'parcel-left-for-nobody': {
    what: 'the parcel of a refused shipment leaves all the same',
    finds: ['I3'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/shipping/src/parcel.controller.ts',
        from: "pack(order, 'refused')",
        to: 'pack(order)',
      },
    ],
  },
  'stage-left-behind': {
    what: 'the saga of a delivered order ends as if its parcel were on its way',
    finds: ['I5'],
    ...PLAIN,
    edits: [
      {
        file: SAGA,
        from: "end({ ...order, stage: 'delivered' }",
        to: "end({ ...order, stage: 'delivering' }",
      },
    ],
  },
  'history-backwards': {
    what: 'the newest line of an order’s history comes first',
    finds: ['I8'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/orders/src/order.store.ts',
        from: 'history = history || $3::jsonb',
        to: 'history = $3::jsonb || history',
      },
    ],
  },
  'delivered-at-dispatch': {
    what: 'an order counts as delivered when its parcel leaves',
    finds: ['steps'],
    ...PLAIN,
    edits: [
      {
        file: SAGA,
        from: "? next(\n            { ...order, stage: 'delivering', reason: undefined },",
        to: "? end(\n            { ...order, stage: 'delivered', reason: undefined },\n            execute(new CompleteOrder(order.orderId)),",
      },
    ],
  },
  'shipped-unpaid': {
    what: 'an order is charged only when its parcel has left',
    finds: ['steps'],
    ...PLAIN,
    edits: [
      {
        file: SAGA,
        from: "(order.stage === 'reserving' ? charge(order) : stay(order))",
        to: "(order.stage === 'reserving' ? ship(order) : stay(order))",
      },
      {
        file: SAGA,
        from: 'execute(new RecordShipment(order.orderId, trackingNumber)),',
        to: 'execute(new RecordShipment(order.orderId, trackingNumber)), send(ChargePayment, { orderId: order.orderId, amount: order.total, token: order.token }),',
      },
    ],
  },
  'charged-unreserved': {
    what: 'an order is charged before its stock is reserved',
    finds: ['steps'],
    ...PLAIN,
    edits: [
      {
        file: SAGA,
        from: 'send(ReserveStock, { orderId, lines: pieces(lines) }),',
        to: 'send(ChargePayment, { orderId, amount: total, token: payment.token }),',
      },
      {
        file: SAGA,
        from: "(order.stage === 'charging' ? ship(order) : stay(order))",
        to: "(order.stage === 'reserving' ? next({ ...order, stage: 'charging' }, send(ReserveStock, { orderId: order.orderId, lines: pieces(order.lines) })) : stay(order))",
      },
      {
        file: SAGA,
        from: "(order.stage === 'reserving' ? charge(order) : stay(order))",
        to: "(order.stage === 'charging' ? ship(order) : stay(order))",
      },
      {
        file: SAGA,
        from: "order.stage === 'charging' ? release({ ...order, reason }) : stay(order),",
        to: "order.stage === 'reserving' ? reject({ ...order, reason }) : stay(order),",
      },
    ],
  },
  'mail-over-another-sum': {
    what: 'mails name ten times the amount',
    finds: ['mails'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/notifications/src/mail.ts',
        from: 'We charged ${euro(total)} to your card.',
        to: 'We charged ${euro(10 * total)} to your card.',
      },
    ],
  },
  'poison-never-dies': {
    what: 'a message whose handler hangs is tried again for ever',
    finds: ['I9'],
    ...ONE_HANGS,
    edits: [
      {
        file: 'libs/parley/messaging/src/delivery/failure-decision.ts',
        from: "return after === undefined ? deadLetter(error, tries, keyed) : { kind: 'retry', after, error };",
        to: "return { kind: 'retry', after: after ?? 1_000, error };",
      },
    ],
  },
  'everybody-waits': {
    what: 'all commands of a queue share one lane, so one that hangs holds up all others',
    finds: ['I10'],
    ...ONE_HANGS,
    edits: [
      {
        file: 'libs/parley/transports/postgres/src/queue/queue-sender.ts',
        from: 'laneOf(envelope.partitionkey)',
        to: "laneOf('everybody')",
      },
    ],
  },
  'stages-told-twice': {
    what: 'a customer who follows an order live sees stages again',
    finds: ['followed'],
    ...PLAIN,
    edits: [
      {
        file: 'apps/gateway/src/order-feed.ts',
        from: '        if (entry.number !== sent + 1) return;\n',
        to: '',
      },
    ],
  },
};

/**
 * For Node, in every process of the run.
 * @param {string} [name]
 */
export function flagsOf(name = '') {
  const preload = PLANTS[name]?.preload;
  return preload && `--require ${path.join(import.meta.dirname, preload)}`;
}

/** @param {string} [name] */
export const editsOf = (name = '') => PLANTS[name]?.edits ?? [];

/**
 * Records of the run in its own database: a lane leased again after a lease without an outcome,
 * whose holder is gone. Renewals are the same attempt.
 */
export const NOTES = `
  create schema if not exists chaos;
  create table if not exists chaos.redelivery (queue int, lane bigint, head bigint, attempts int, primary key (queue, lane, head, attempts));
  create table if not exists chaos.late_write (what text);
  grant usage on schema chaos to parley_owner;
  grant insert on chaos.late_write to parley_owner;
  create or replace function chaos.note_redelivery() returns trigger language plpgsql security definer set search_path = pg_catalog as $$ begin
    insert into chaos.redelivery values (new.queue, new.lane, new.head, new.attempts) on conflict do nothing;
    return null;
  end $$;
  create or replace trigger chaos_redelivery after insert or update on parley.lane for each row
    when (new.token <> 0 and (new.suspect or (new.attempts > 1 and new.failure is null))) execute function chaos.note_redelivery();
`;
