// Rules that compare the answers that customers got with the orders that were carried out.
import { by, isFinal, pieces } from '../tools/shop/accounting.mjs';
import { rank } from './event-rules.mjs';

/** @import { ViewRow } from '../tools/shop/accounting.mjs' */
/** @import { HistoryEntry, Rule, Wrong } from './record.mjs' */

/** @type {Rule} */
export function acknowledged({ history, sinks }, wrong) {
  const orders = by(sinks.orders, 'idempotency_key');
  const asked = new Map(
    history
      .filter(({ type, lines }) => type === 'invoke' && lines)
      .map((attempt) => [attempt.key, attempt]),
  );
  const oks = history.filter(({ type }) => type === 'ok');
  for (const { key, orderId } of oks) {
    const order = orders.get(key ?? '');
    const wish = asked.get(key);
    if (!order) wrong(`${key} was acknowledged as ${orderId}, but there is no such order`);
    else if (order.order_id !== orderId)
      wrong(`${key} was acknowledged as ${orderId}, but is ${order.order_id}`);
    else if (pieces(order.lines) !== pieces(wish?.lines))
      wrong(`${key} holds ${pieces(order.lines)}, but ${pieces(wish?.lines)} were ordered`);
    else if (wish?.email !== order.email)
      wrong(`${key} was placed by ${wish?.email}, but is kept for ${order.email}`);
  }
  for (const key of orders.keys())
    if (!asked.has(key)) wrong(`${key} was never asked for, but there is an order`);
  if (oks.length === 0) wrong('not one order was acknowledged');
  const lost = asked.size - new Set(oks.map(({ key }) => key)).size;
  return `${oks.length} acknowledged, ${lost} not, ${orders.size} orders, ${history.filter(({ type }) => type === 'unknown').length} attempts of unknown outcome`;
}

/**
 * An order costs the price shown and is paid by its card: no price changes during a run.
 * @type {Rule}
 */
export function asShown({ history, sinks }, wrong) {
  const shown = history.find(({ type }) => type === 'prices')?.prices ?? {};
  const cards = new Map(
    history
      .filter(({ type, lines }) => type === 'invoke' && lines)
      .map(({ key, token }) => [key, token]),
  );
  const charges = by(
    sinks.ledger.filter(({ kind, status }) => kind === 'charge' && status === 'captured'),
    'reference',
  );
  for (const { order_id: order, idempotency_key: key, lines } of sinks.orders) {
    for (const { sku, price } of lines)
      if (price !== shown[sku])
        wrong(`${order} pays ${price} cents for ${sku}, which was shown for ${shown[sku]}`);
    const charge = charges.get(order);
    if (charge && charge.token !== cards.get(key))
      wrong(`${order} was paid with ${charge.token}, not with ${cards.get(key)}`);
  }
}

/**
 * A customer who follows an order live, and returns after every interruption, reads its history
 * once, in order, up to its end.
 * @type {Rule}
 */
export function followed({ history, sinks }, wrong) {
  const views = by(sinks.views, 'order_id');
  /** @type {Map<string | undefined, HistoryEntry[]>} */
  const streams = new Map(
    history.filter(({ type }) => type === 'follow').map(({ orderId }) => [orderId, []]),
  );
  for (const entry of history) if (entry.type === 'seen') streams.get(entry.orderId)?.push(entry);
  const ended = new Set(
    history.filter(({ type }) => type === 'followed').map(({ orderId }) => orderId),
  );
  for (const [order, seen] of streams)
    judgeStream(order, seen, ended.has(order), views.get(order ?? ''), wrong);
  if (streams.size === 0) wrong('no order was followed');
  return `${streams.size} followed, ${[...streams.values()].reduce((count, { length }) => count + length, 0)} stages seen`;
}

/**
 * @param {string | undefined} order
 * @param {readonly HistoryEntry[]} seen
 * @param {boolean} ended
 * @param {ViewRow | undefined} view
 * @param {Wrong} wrong
 */
function judgeStream(order, seen, ended, view, wrong) {
  if (!view) return wrong(`${order} was followed, but is not there`);
  const kept = view.history.map(({ number, what }) => `${number} ${what}`);
  const read = seen.map(({ number, what }) => `${number} ${what}`);
  if (read.join('; ') !== kept.slice(0, read.length).join('; '))
    wrong(
      `the follower of ${order} read "${read.join('; ')}", its history is "${kept.join('; ')}"`,
    );
  const said = seen.flatMap(({ status }) => (typeof status === 'string' ? [status] : []));
  if (said.some((status, n) => n > 0 && rank(status) < rank(said[n - 1])))
    wrong(`the follower of ${order} saw it go back: ${said.join(', ')}`);
  if (isFinal(view) && !(ended && read.length === kept.length && said.at(-1) === view.status))
    wrong(
      `the follower of ${order} did not see that it was ${view.status}: ${read.length} of ${kept.length} stages, the last ${said.at(-1)}${ended ? '' : ', and no end'}`,
    );
}

/** To refuse this one the edge asks a service, which may just have been killed. */
const NEEDS_SERVICES = 'unknown product';

/**
 * @param {number | string | undefined} status
 * @param {number} from
 * @param {number} below
 */
export const isBetween = (status, from, below) => Number(status) >= from && Number(status) < below;

/**
 * No answer at all is fine while processes die. No request may be accepted, and none may break the
 * edge.
 * @type {Rule}
 */
export function hostile({ history }, wrong) {
  const attacks = history.filter(({ type }) => type === 'hostile');
  for (const { key, sort, status } of attacks)
    if (isBetween(status, 200, 400)) wrong(`${key} (${sort}) was answered ${status}`);
  for (const { key, sort, status } of attacks)
    if (status === 500 && sort !== NEEDS_SERVICES) wrong(`${key} (${sort}) broke something: 500`);
  return `${attacks.length} requests, ${attacks.filter(({ status }) => isBetween(status, 400, 500)).length} refused`;
}
