// The rules between the books of all services, the payment provider's ledger and the mails,
// once nothing is under way. Pure functions over rows as they are kept: for `npm run books` and for
// the judge of `npm run chaos` alike. Each calls `wrong` with a sentence per finding and returns
// what it counted.

/** @typedef {{ sku: string, quantity: number }} Line */

/**
 * @typedef {object} OrderRow
 * @property {string} order_id
 * @property {string} idempotency_key
 * @property {(Line & { price: number })[]} lines
 * @property {number} total
 * @property {string} email
 */

/**
 * @typedef {object} ViewRow
 * @property {string} order_id
 * @property {string} status
 * @property {number} total
 * @property {Line[]} lines
 * @property {HistoryLine[]} history
 * @property {Time} placed_at
 * @property {Time | null} finished_at
 */

/**
 * The record of a run, which is JSON, has it as text.
 * @typedef {Date | string} Time
 */

/** @typedef {{ number: number, at: string, what: string, by: string }} HistoryLine */

/** @typedef {{ from?: string, to: string }} SagaStep */

/** @typedef {{ key: string, stage: string, ended_at: Time | null, history: SagaStep[] }} SagaRow */

/**
 * @typedef {object} StockRow
 * @property {string} sku
 * @property {number} initial
 * @property {number} available
 * @property {number} reserved
 * @property {number} shipped
 */

/** @typedef {{ order_id: string, status: string, lines: Line[] }} ReservationRow */

/**
 * @typedef {object} PaymentRow
 * @property {string} order_id
 * @property {string} status
 * @property {number} amount
 * @property {string | null} reference
 */

/** @typedef {{ order_id: string, status: string, tracking_number: string }} ParcelRow */

/**
 * @typedef {object} FigureRow
 * @property {string} order_id
 * @property {number | null} total
 * @property {string | null} outcome
 * @property {number} mails
 */

/**
 * A line of the payment provider's ledger.
 * @typedef {object} LedgerEntry
 * @property {string} id
 * @property {'charge' | 'refund'} kind
 * @property {string} key the idempotency key: the order before a colon
 * @property {string} [charge] of a refund: the key of its charge
 * @property {string} [reference] of a charge: the order
 * @property {string} [token] of a charge: the card
 * @property {string} status
 * @property {number} amount
 * @property {string} at
 */

/** @typedef {Pick<OrderRow, 'order_id' | 'total' | 'email'>} OrderedAs */

/** @typedef {OrderedAs & { status?: string, tracking?: string }} EndedOrder */

/**
 * The books of all services and of the outside, as rows.
 * @typedef {object} Books
 * @property {LedgerEntry[]} ledger
 * @property {import('./mails.mjs').Mail[]} mails
 * @property {OrderRow[]} orders
 * @property {ViewRow[]} views
 * @property {SagaRow[]} sagas
 * @property {StockRow[]} stock
 * @property {ReservationRow[]} reservations
 * @property {PaymentRow[]} payments
 * @property {ParcelRow[]} parcels
 * @property {FigureRow[]} figures
 */

/**
 * Takes a sentence that says what was found.
 * @typedef {(sentence: string) => unknown} Wrong
 */

/** @param {{ status: string }} order */
export const isFinal = ({ status }) => status === 'delivered' || status === 'rejected';
/** @param {number[]} numbers */
export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
/**
 * @template T
 * @template {keyof T} K
 * @param {T[]} rows
 * @param {K} field
 * @returns {Map<T[K], T>}
 */
export const by = (rows, field) => new Map(rows.map((row) => [row[field], row]));
/** @param {number | undefined | null} cents */
export const euros = (cents) => `€${(Number(cents) / 100).toFixed(2)}`;
/**
 * Lines without their prices, in one order.
 * @param {Line[]} [lines]
 */
export const pieces = (lines = []) =>
  lines
    .map(({ sku, quantity }) => `${quantity} ${sku}`)
    .sort()
    .join(', ');

/**
 * @template T, K
 * @param {T[]} rows
 * @param {(row: T) => K} keyOf
 * @returns {Map<K, T[]>}
 */
export function grouped(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

/**
 * @param {{ key: string }} entry
 * @returns {string}
 */
const orderOf = ({ key }) => key.split(':')[0] ?? key;
/** @param {LedgerEntry} entry */
const isCaptured = ({ kind, status }) => kind === 'charge' && status === 'captured';

/**
 * An order costs what its lines cost, and every book of it says the same.
 * @param {Pick<Books, 'orders' | 'views' | 'figures'>} books
 * @param {Wrong} wrong
 */
export function prices({ orders, views, figures }, wrong) {
  const shown = by(views, 'order_id');
  const counted = by(figures, 'order_id');
  for (const { order_id: order, lines, total } of orders) {
    const cost = sum(lines.map(({ price, quantity }) => price * quantity));
    if (total !== cost)
      wrong(`${order} was taken for ${euros(total)}, but its lines cost ${euros(cost)}`);
    const [view, figure] = [shown.get(order), counted.get(order)];
    if (view && view.total !== total)
      wrong(`${order} was taken for ${euros(total)}, but is shown with ${euros(view.total)}`);
    if (view && pieces(view.lines) !== pieces(lines))
      wrong(`${order} was taken with ${pieces(lines)}, but is shown with ${pieces(view.lines)}`);
    if (figure && figure.total !== null && figure.total !== total)
      wrong(`${order} was taken for ${euros(total)}, but the figures hold ${euros(figure.total)}`);
  }
  return `${orders.length} orders over ${euros(sum(orders.map(({ total }) => total)))}`;
}

/**
 * Charged in full or not at all, refunded after the charge and in full, and kept only for what was
 * delivered.
 * @param {Pick<Books, 'orders' | 'views' | 'ledger'>} books
 * @param {Wrong} wrong
 */
export function money({ orders, views, ledger }, wrong) {
  const totals = new Map(orders.map(({ order_id: order, total }) => [order, total]));
  const shown = by(views, 'order_id');
  const net = new Map(views.map(({ order_id: order }) => [order, 0]));
  const [captured, refunds] = [
    ledger.filter(isCaptured),
    ledger.filter(({ kind }) => kind === 'refund'),
  ];
  const charges = by(captured, 'key');
  for (const { key, amount } of captured) {
    const order = orderOf({ key });
    if (totals.has(order) && amount !== totals.get(order))
      wrong(`${order} costs ${euros(totals.get(order))}, but ${euros(amount)} was charged`);
    net.set(order, (net.get(order) ?? 0) + amount);
  }
  for (const { key, charge: chargeKey, amount, at } of refunds) {
    const charge = charges.get(chargeKey ?? '');
    if (!charge)
      wrong(`${orderOf({ key })} got ${euros(amount)} back, but nothing had been charged`);
    else if (at < charge.at) wrong(`${orderOf({ key })} got its money back before it was charged`);
    else if (amount !== charge.amount)
      wrong(`${orderOf({ key })} got ${euros(amount)} back of ${euros(charge.amount)}`);
    net.set(orderOf({ key }), (net.get(orderOf({ key })) ?? 0) - amount);
  }
  for (const [order, paid] of net) {
    const view = shown.get(order);
    const due = view?.status === 'delivered' ? view.total : 0;
    if (paid !== due)
      wrong(`${order} (${view?.status ?? 'unknown'}) paid ${euros(paid)}, but owes ${euros(due)}`);
  }
  return `${euros(sum(captured.map(({ amount }) => amount)))} − ${euros(sum(refunds.map(({ amount }) => amount)))} = ${euros(sum([...net.values()]))}`;
}

/**
 * Payments' own book says what the provider's ledger says, and what became of the order.
 * @param {Pick<Books, 'payments' | 'views' | 'ledger'>} books
 * @param {Wrong} wrong
 */
export function payments({ payments: kept, views, ledger }, wrong) {
  const charges = by(
    ledger.filter(isCaptured).map((charge) => ({ ...charge, order: orderOf(charge) })),
    'order',
  );
  const refunds = by(
    ledger
      .filter(({ kind }) => kind === 'refund')
      .map((refund) => ({ ...refund, order: orderOf(refund) })),
    'order',
  );
  const book = by(kept, 'order_id');
  for (const { order_id: order, status, amount, reference } of kept) {
    const [charge, refund] = [charges.get(order), refunds.get(order)];
    const held = status === 'captured' || status === 'refunded';
    if (held !== Boolean(charge))
      wrong(
        `payments keeps ${order} as ${status}, but the provider ${charge ? 'captured' : 'never captured'} its money`,
      );
    else if ((status === 'refunded') !== Boolean(refund))
      wrong(
        `payments keeps ${order} as ${status}, but the provider ${refund ? 'gave' : 'never gave'} its money back`,
      );
    else if (charge && amount !== charge.amount)
      wrong(`payments keeps ${euros(amount)} for ${order}, the provider ${euros(charge.amount)}`);
    else if (charge && reference !== charge.id)
      wrong(`payments keeps the charge ${reference} for ${order}, the provider ${charge.id}`);
  }
  for (const order of charges.keys())
    if (!book.has(order))
      wrong(`the provider captured money for ${order}, but payments does not know it`);
  for (const { order_id: order, status } of views.filter(isFinal)) {
    const payment = book.get(order)?.status;
    if (status === 'delivered' ? payment !== 'captured' : payment === 'captured')
      wrong(`${order} is ${status}, but its payment ${payment ?? 'unknown'}`);
  }
  return `${kept.length} payments`;
}

/**
 * Pieces neither appear nor vanish, and each order holds exactly what was ordered.
 * @param {Pick<Books, 'stock' | 'reservations' | 'orders' | 'views'>} books
 * @param {Wrong} wrong
 */
export function stock({ stock: shelves, reservations, orders, views }, wrong) {
  const moved = new Map(
    ['reserved', 'shipped'].map((status) => [
      status,
      piecesBySku(reservations.filter((one) => one.status === status)),
    ]),
  );
  const delivered = piecesBySku(views.filter(({ status }) => status === 'delivered'));
  for (const { sku, initial, available, reserved, shipped } of shelves) {
    /** @param {Map<string, number> | undefined} counts */
    const of = (counts) => counts?.get(sku) ?? 0;
    if (available < 0 || available + reserved + shipped !== initial)
      wrong(`${sku}: ${available} + ${reserved} + ${shipped} is not ${initial}`);
    if (shipped !== of(delivered)) wrong(`${sku}: ${shipped} shipped, ${of(delivered)} delivered`);
    if (reserved !== 0) wrong(`${sku}: ${reserved} still reserved`);
    if (shipped !== of(moved.get('shipped')))
      wrong(`${sku}: ${shipped} shipped, ${of(moved.get('shipped'))} by its reservations`);
    if (reserved !== of(moved.get('reserved')))
      wrong(`${sku}: ${reserved} reserved, ${of(moved.get('reserved'))} by its reservations`);
  }
  reservedAsOrdered({ reservations, orders, views }, wrong);
  return `${sum(shelves.map(({ shipped }) => shipped))} pieces shipped, ${sum(shelves.map(({ reserved }) => reserved))} reserved`;
}

/**
 * @param {Pick<Books, 'reservations' | 'orders' | 'views'>} books
 * @param {Wrong} wrong
 */
function reservedAsOrdered({ reservations, orders, views }, wrong) {
  const held = by(reservations, 'order_id');
  const taken = by(orders, 'order_id');
  for (const { order_id: order, lines } of reservations) {
    const ordered = taken.get(order);
    if (!ordered) wrong(`stock was reserved for ${order}, which is no order`);
    // A release that came before its reservation holds no lines.
    else if (lines.length && pieces(lines) !== pieces(ordered.lines))
      wrong(`${order} is over ${pieces(ordered.lines)}, but ${pieces(lines)} were reserved`);
  }
  for (const { order_id: order, status } of views.filter(isFinal)) {
    const reservation = held.get(order)?.status;
    if (status === 'delivered' ? reservation !== 'shipped' : reservation === 'shipped')
      wrong(`${order} is ${status}, but its stock ${reservation ?? 'was never reserved'}`);
  }
}

/**
 * @param {{ lines: Line[] }[]} orders
 * @returns {Map<string, number>}
 */
function piecesBySku(orders) {
  const counts = new Map();
  for (const { sku, quantity } of orders.flatMap(({ lines }) => lines))
    counts.set(sku, (counts.get(sku) ?? 0) + quantity);
  return counts;
}

/**
 * A delivered order has a delivered parcel; of a rejected one none left.
 * @param {Pick<Books, 'parcels' | 'orders' | 'views'>} books
 * @param {Wrong} wrong
 */
export function parcels({ parcels: sent, orders, views }, wrong) {
  const found = by(sent, 'order_id');
  const taken = by(orders, 'order_id');
  for (const { order_id: order } of sent)
    if (!taken.has(order)) wrong(`a parcel was made for ${order}, which is no order`);
  for (const { order_id: order, status } of views.filter(isFinal)) {
    const parcel = found.get(order)?.status;
    const left = parcel === 'dispatched' || parcel === 'delivered';
    if (status === 'delivered' ? parcel !== 'delivered' : left)
      wrong(`${order} is ${status}, but its parcel ${parcel ?? 'does not exist'}`);
  }
  return `${sent.length} parcels`;
}

/**
 * The saga of an order ends where the order ends.
 * @param {Pick<Books, 'sagas' | 'views'>} books
 * @param {Wrong} wrong
 */
export function stages({ sagas, views }, wrong) {
  const found = by(sagas, 'key');
  for (const { order_id: order, status } of views.filter(isFinal)) {
    const saga = found.get(order);
    if (!saga) continue; // kept for a while only
    if (saga.stage !== status) wrong(`${order} is ${status}, but its saga stands at ${saga.stage}`);
    else if (!saga.ended_at) wrong(`${order} is ${status}, but its saga goes on`);
  }
  return `${sagas.length} sagas`;
}

/**
 * One mail an order, to its customer, with its number, its amount and what became of it.
 * @param {Pick<Books, 'mails' | 'orders' | 'views' | 'parcels'>} books
 * @param {Wrong} wrong
 */
export function mails({ mails: sent, orders, views, parcels: made }, wrong) {
  const taken = by(orders, 'order_id');
  const shown = by(views, 'order_id');
  const tracking = new Map(
    made.map(({ order_id: order, tracking_number: number }) => [order, number]),
  );
  for (const [order, group] of grouped(sent, (mail) => mail.order ?? mail.file)) {
    if (group.length > 1) wrong(`${group.length} × mail of ${order}`);
    const ordered = taken.get(order);
    const outcome = { status: shown.get(order)?.status, tracking: tracking.get(order) };
    if (!ordered) wrong(`a mail speaks of ${order}, which is no order`);
    else for (const mail of group) judgeMail(mail, { ...ordered, ...outcome }, wrong);
  }
  const reported = new Set(sent.map(({ order }) => order));
  for (const { order_id: order, status } of views.filter(isFinal))
    if (!reported.has(order)) wrong(`${order} is ${status}, but nobody was told by mail`);
  return `${sent.length} mails`;
}

/**
 * @param {import('./mails.mjs').Mail} mail
 * @param {EndedOrder} order
 * @param {Wrong} wrong
 */
function judgeMail({ to, text }, { order_id: order, total, email, status, tracking }, wrong) {
  if (email !== undefined && to !== email)
    wrong(`the mail about ${order} went to ${to}, not to ${email}`);
  if (!text.includes(order)) wrong(`the mail about ${order} does not name it`);
  const amount = /(?:We charged|your order over) € (\d+\.\d\d)/.exec(text)?.[1];
  if (amount !== (total / 100).toFixed(2))
    wrong(`the mail about ${order} speaks of €${amount}, but it costs ${euros(total)}`);
  const sorry = text.includes('could not fulfil');
  if (status === 'rejected' && !sorry)
    wrong(`the mail about ${order} promises a parcel, but it was rejected`);
  if (status === 'delivered' && sorry)
    wrong(`the mail about ${order} says it could not be fulfilled, but it was delivered`);
  if (status === 'delivered' && !sorry && !(tracking && text.includes(tracking)))
    wrong(`the mail about ${order} does not name its parcel ${tracking}`);
}
