// The judge: what clients and the outside saw against what must hold. A pure function over a record, so that any run can be
// judged again: node chaos/check.mjs FOLDER
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { readHistory } from './history.mjs';

const CHECKS = { I1: acknowledged, I2: money, I3: stock, I4: once, I5: sagas, I6: terminal, I7: emptied, I8: projections, I9: deadLetters, clock, hostile, bit };
const MEANING = {
  I1: 'every acknowledged order exists, one per key, and nobody got one unasked',
  I2: 'captured − refunded = value of what was delivered, for every order',
  I3: 'stock: available + reserved + shipped = initial; what was delivered was shipped',
  I4: 'at most one charge, shipment and mail an order',
  I5: 'every saga ended; what was undone was undone in reverse order',
  I6: 'all at rest after healing, never stuck on the way',
  I7: 'outboxes, queues, timers and logs are through',
  I8: 'projections = what their events say',
  I9: 'dead letters have an injected cause, and what was injected died',
  clock: 'a process whose clock is wrong, or jumps, goes on working',
  hostile: 'hostile requests were refused',
  bit: 'every fault bit',
};

/**
 * @param record { history, faults, sinks, rest, options }
 * @returns [{ id, what, ok, detail, wrong }]: `wrong` says what was found, one sentence each
 */
export function check(record) {
  return Object.entries(CHECKS).map(([id, judge]) => {
    const wrong = [];
    const detail = judge(record, (sentence) => wrong.push(sentence));
    return { id, what: MEANING[id], ok: wrong.length === 0, detail, wrong };
  });
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const by = (rows, field) => new Map(rows.map((row) => [row[field], row]));
const isFinal = ({ status }) => status === 'delivered' || status === 'rejected';

function grouped(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

function acknowledged({ history, sinks }, wrong) {
  const orders = by(sinks.orders, 'idempotency_key');
  const asked = new Map(history.filter(({ type, lines }) => type === 'invoke' && lines).map(({ key, lines }) => [key, lines]));
  const oks = history.filter(({ type }) => type === 'ok');
  for (const { key, orderId } of oks) {
    const order = orders.get(key);
    if (!order) wrong(`${key} was acknowledged as ${orderId}, but there is no such order`);
    else if (order.order_id !== orderId) wrong(`${key} was acknowledged as ${orderId}, but is ${order.order_id}`);
    else if (pieces(order.lines) !== pieces(asked.get(key) ?? [])) wrong(`${key} holds ${pieces(order.lines)}, but ${pieces(asked.get(key) ?? [])} were ordered`);
  }
  for (const key of orders.keys()) if (!asked.has(key)) wrong(`${key} was never asked for, but there is an order`);
  if (oks.length === 0) wrong('not one order was acknowledged');
  const lost = asked.size - new Set(oks.map(({ key }) => key)).size;
  return `${oks.length} acknowledged, ${lost} not, ${orders.size} orders, ${history.filter(({ type }) => type === 'unknown').length} attempts of unknown outcome`;
}

const pieces = (lines) => lines.map(({ sku, quantity }) => `${quantity} ${sku}`).sort().join(', ');

function money({ sinks }, wrong) {
  const orderOf = ({ key }) => key.split(':')[0];
  const captured = sinks.ledger.filter(({ kind, status }) => kind === 'charge' && status === 'captured');
  const refunds = sinks.ledger.filter(({ kind }) => kind === 'refund');
  const net = new Map();
  for (const entry of captured) net.set(orderOf(entry), (net.get(orderOf(entry)) ?? 0) + entry.amount);
  for (const entry of refunds) net.set(orderOf(entry), (net.get(orderOf(entry)) ?? 0) - entry.amount);
  const views = by(sinks.views, 'order_id');
  for (const order of new Set([...net.keys(), ...views.keys()])) {
    const view = views.get(order);
    const due = view?.status === 'delivered' ? view.total : 0;
    if ((net.get(order) ?? 0) !== due) wrong(`${order} (${view?.status ?? 'unknown'}) paid ${net.get(order) ?? 0}, but owes ${due}`);
  }
  return `${sum(captured.map(({ amount }) => amount))} − ${sum(refunds.map(({ amount }) => amount))} = ${sum([...net.values()])} cents`;
}

function stock({ sinks }, wrong) {
  const delivered = new Map();
  for (const { status, lines } of sinks.views)
    if (status === 'delivered') for (const { sku, quantity } of lines) delivered.set(sku, (delivered.get(sku) ?? 0) + quantity);
  for (const { sku, initial, available, reserved, shipped } of sinks.stock) {
    if (available < 0 || available + reserved + shipped !== initial) wrong(`${sku}: ${available} + ${reserved} + ${shipped} is not ${initial}`);
    if (shipped !== (delivered.get(sku) ?? 0)) wrong(`${sku}: ${shipped} shipped, ${delivered.get(sku) ?? 0} delivered`);
    if (reserved !== 0) wrong(`${sku}: ${reserved} still reserved`);
  }
  return `${sum(sinks.stock.map(({ shipped }) => shipped))} pieces shipped, ${sum(sinks.stock.map(({ reserved }) => reserved))} reserved`;
}

/** A declined payment may be said again to who asked again. */
const ONCE = ['orders.order-placed', 'orders.order-shipped', 'orders.order-delivered', 'orders.order-rejected', 'inventory.stock-reserved', 'inventory.stock-released', 'payments.payment-captured', 'payments.payment-refunded', 'shipping.parcel-dispatched', 'shipping.parcel-delivered', 'notifications.customer-notified'];

function once({ sinks }, wrong) {
  const twice = (rows, keyOf, what) => {
    for (const [key, group] of grouped(rows, keyOf)) if (group.length > 1) wrong(`${group.length} × ${what} of ${key}`);
  };
  const order = ({ key }) => key.split(':')[0];
  twice(sinks.ledger.filter(({ kind, status }) => kind === 'charge' && status === 'captured'), order, 'charge');
  twice(sinks.ledger.filter(({ kind }) => kind === 'refund'), order, 'refund');
  twice(sinks.parcels, (parcel) => parcel.order_id, 'parcel');
  twice(sinks.mails, (mail) => mail.order ?? mail.file, 'mail');
  twice(sinks.events.filter(({ contract }) => ONCE.includes(contract)), ({ contract, key }) => `${contract} ${key}`, 'event');
  const mailed = new Set(sinks.mails.map((mail) => mail.order));
  for (const view of sinks.views.filter(isFinal)) if (!mailed.has(view.order_id)) wrong(`${view.order_id} is ${view.status}, but nobody was told by mail`);
  return `${sinks.ledger.length} ledger entries, ${sinks.parcels.length} parcels, ${sinks.mails.length} mails`;
}

function sagas({ sinks }, wrong) {
  const found = by(sinks.sagas, 'key');
  const told = grouped([...sinks.events].sort((a, b) => Number(a.id) - Number(b.id)), ({ key }) => key);
  let undone = 0;
  for (const { order_id: order } of sinks.orders) {
    const saga = found.get(order);
    if (!saga) wrong(`${order} has no saga`);
    else if (!saga.ended_at) wrong(`the saga of ${order} stands at ${saga.stage}`);
    undone += judgeUndoing(order, (told.get(order) ?? []).map(({ contract, body }) => [contract, body]), wrong);
  }
  return `${sinks.sagas.length} sagas, ${undone} undone`;
}

/** @returns 1 if something was undone */
function judgeUndoing(order, events, wrong) {
  const at = (contract) => events.findIndex(([name]) => name === contract);
  const [reserved, captured, dispatched] = ['inventory.stock-reserved', 'payments.payment-captured', 'shipping.parcel-dispatched'].map(at);
  const [released, refunded, rejected, delivered] = ['inventory.stock-released', 'payments.payment-refunded', 'orders.order-rejected', 'orders.order-delivered'].map(at);
  if (rejected >= 0 && delivered >= 0) wrong(`${order} was both delivered and rejected`);
  if (delivered >= 0 && (released >= 0 || refunded >= 0)) wrong(`${order} was delivered, but undone`);
  if (rejected < 0) return 0;
  if (dispatched >= 0) wrong(`${order} was rejected, but its parcel left`);
  if (captured >= 0 && refunded < captured) wrong(`${order} was rejected after its payment, and not refunded`);
  if (reserved >= 0 && released < reserved) wrong(`${order} was rejected after its reservation, and its stock not released`);
  if (captured >= 0 && released >= 0 && refunded > released) wrong(`${order}: stock was released before the payment was refunded`);
  if (released > rejected) wrong(`${order} was rejected before its stock was released`);
  return released >= 0 || refunded >= 0 ? 1 : 0;
}

function terminal({ sinks, rest, options }, wrong) {
  for (const view of sinks.views) if (!isFinal(view)) wrong(`${view.order_id} is still ${view.status}`);
  if (!rest.atRest) wrong(`not at rest ${rest.after.toFixed(0)} s after healing, and no closer to it for ${rest.stoodStill.toFixed(0)} s: ${JSON.stringify(rest.waiting)}`);
  else if (rest.stoodStill > options.within + 5) wrong(`at rest, but stood still for ${rest.stoodStill.toFixed(0)} s before`);
  return `${sinks.views.filter(isFinal).length} of ${sinks.views.length} at their end, ${rest.after.toFixed(0)} s after healing`;
}

function emptied({ sinks }, wrong) {
  for (const [what, count] of Object.entries(sinks.left)) if (count !== 0) wrong(`${what}: ${count} left`);
  return Object.entries(sinks.left).map(([what, count]) => `${what} ${count}`).join(', ');
}

const REACHES = { 'inventory.stock-reserved': 'reserved', 'payments.payment-captured': 'paid', 'shipping.parcel-dispatched': 'shipped', 'orders.order-delivered': 'delivered', 'orders.order-rejected': 'rejected' };
const RANK = ['placed', 'reserved', 'paid', 'shipped', 'delivered', 'rejected'];
/** Each is one line in an order's history. */
const LINES = [...Object.keys(REACHES), 'inventory.stock-rejected', 'inventory.stock-released', 'payments.payment-declined', 'payments.payment-refunded', 'shipping.shipment-refused', 'shipping.shipment-cancelled', 'shipping.parcel-moved', 'orders.order-placed'];

/** What the two projections must hold of an order, told again from its events. */
function fold(order, events) {
  const status = events.reduce((reached, { contract }) => (RANK.indexOf(REACHES[contract]) > RANK.indexOf(reached) ? REACHES[contract] : reached), 'placed');
  const placed = events.find(({ contract }) => contract === 'orders.order-placed')?.body;
  return {
    view: [order, status, placed?.total, events.filter(({ contract }) => LINES.includes(contract)).length].join(' '),
    figure: [order, placed?.total, RANK.indexOf(status) > 3 ? status : null, events.filter(({ contract }) => contract === 'notifications.customer-notified').length].join(' '),
  };
}

function projections({ sinks }, wrong) {
  const told = grouped(sinks.events, ({ key }) => key);
  const views = by(sinks.views, 'order_id');
  const figures = by(sinks.figures, 'order_id');
  const kept = [];
  for (const { order_id: order } of sinks.orders) {
    const expected = fold(order, told.get(order) ?? []);
    const view = views.get(order);
    const figure = figures.get(order);
    const viewKept = view && [order, view.status, view.total, view.history.length].join(' ');
    const figureKept = figure && [order, figure.total, figure.outcome, figure.mails].join(' ');
    if (viewKept !== expected.view) wrong(`the order's view is "${viewKept}", its events say "${expected.view}"`);
    if (figureKept !== expected.figure) wrong(`the figures hold "${figureKept}", the events say "${expected.figure}"`);
    kept.push(viewKept, figureKept);
  }
  return `${sinks.events.length} events; checksum ${createHash('sha256').update(kept.sort().join('\n')).digest('hex').slice(0, 12)}`;
}

function deadLetters({ sinks, faults }, wrong) {
  const injected = new Set(faults.filter(({ fault, sent }) => fault === 'F16' && sent).map(({ id }) => id));
  const maybe = new Set(faults.filter(({ fault }) => fault === 'F16').map(({ id }) => id)); // its outcome is not known
  for (const { queue, message_id: id, contract, error, cause } of sinks.dead) if (!maybe.has(id)) wrong(`${contract} in ${queue} died of ${error}: ${cause}`);
  const dead = new Set(sinks.dead.map(({ message_id: id }) => id));
  for (const id of injected) if (!dead.has(id)) wrong(`the rubbish ${id} is gone without a dead letter`);
  return `${sinks.dead.length} dead letters, ${injected.size} injected`;
}

/** What the edge cannot judge alone may meet a service that was just killed. */
const NEEDS_SERVICES = 'unknown product';

/** No answer at all is fine while processes die; what counts is that none was taken and none broke the edge by itself. */
function hostile({ history }, wrong) {
  const attacks = history.filter(({ type }) => type === 'hostile');
  for (const { key, sort, status } of attacks) if (status >= 200 && status < 400) wrong(`${key} (${sort}) was answered ${status}`);
  for (const { key, sort, status } of attacks) if (status === 500 && sort !== NEEDS_SERVICES) wrong(`${key} (${sort}) broke something: 500`);
  return `${attacks.length} requests, ${attacks.filter(({ status }) => status >= 400 && status < 500).length} refused`;
}

function clock({ faults }, wrong) {
  const skews = faults.filter(({ fault, phases }) => fault === 'F12' && phases);
  for (const { victim, phases } of skews)
    phases.forEach(({ off, worked }, n) => {
      if (!(worked > 0)) wrong(`${victim} did nothing ${off ? `while its clock was ${off} h off` : `after its clock had jumped back from ${phases[n - 1].off} h off`}`);
    });
  return skews.map(({ victim, phases }) => `${victim} ${phases.map(({ off, worked }) => `${off} h: ${worked}`).join(', ')}`).join('; ') || 'no clock was touched';
}

/** A run whose faults did nothing proves nothing. */
function bit({ faults, history, sinks, options }, wrong) {
  const bites = Object.fromEntries(options.faults.map((id) => [id, faults.filter((event) => event.fault === id && event.bit).length]));
  for (const [id, count] of Object.entries(bites)) {
    const first = faults.find(({ fault }) => fault === id);
    if (count === 0) wrong(`${id} never bit: ${JSON.stringify(first ?? 'it was not in the schedule')}`);
  }
  for (const { point } of faults.flatMap(({ gaps = [] }) => gaps).filter(neverBit)) wrong(`F02: no process ended at ${point}`);
  if (options.faults.includes('F01') && !(sinks.redeliveries > 0)) wrong('F01: nothing was delivered again, although processes were killed');
  if (options.faults.includes('F16') && !history.some(({ type, status }) => type === 'hostile' && status >= 400 && status < 500)) wrong('F16: no hostile request was refused');
  const refused = faults.flatMap(({ fault, refused = 0 }) => (fault === 'F03' ? [refused] : []));
  return `${Object.entries(bites).map(([id, count]) => `${id} ${count}×`).join(', ')}; ${sinks.redeliveries} delivered again, ${sum(refused)} late writes refused`;
}

/** Of all the times that a gap was tried. */
const neverBit = ({ point }, _, all) => !all.some((gap) => gap.point === point && gap.bit);

export function readRecord(folder) {
  const json = (name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  return { history: readHistory(path.join(folder, 'history.jsonl')), faults: readHistory(path.join(folder, 'faults.jsonl')), sinks: json('sinks.json'), ...json('run.json') };
}

export function verdictTable(findings, most = 5) {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return findings.flatMap(({ id, what, ok, detail, wrong }) => [
    `${ok ? '✓' : '✗'} ${id.padEnd(7)} ${what.padEnd(width)}  ${detail}`,
    ...wrong.slice(0, most).map((sentence) => `            ${sentence}`),
    ...(wrong.length > most ? [`            … and ${wrong.length - most} more`] : []),
  ]).join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const findings = check(readRecord(process.argv[2] ?? '.'));
  console.log(verdictTable(findings));
  process.exitCode = findings.every(({ ok }) => ok) ? 0 : 1;
}
