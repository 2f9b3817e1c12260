// Rules for the run as a whole: it came to rest, nothing was left, its faults had their effect, and
// orders that no fault concerned kept their pace.
import { isFinal, sum } from '../tools/shop/accounting.mjs';
import { isBetween } from './customer-rules.mjs';
import { APART, faultOf } from './schedule.mjs';

/** @import { Evidence, Fault, Gap, Rule, Wrong } from './record.mjs' */

/** @typedef {{ began: number, took: number }} Ordinary */

/** @type {Rule} */
export function terminal({ sinks, rest, options }, wrong) {
  for (const view of sinks.views)
    if (!isFinal(view)) wrong(`${view.order_id} is still ${view.status}`);
  if (!rest.atRest)
    wrong(
      `not at rest ${rest.after.toFixed(0)} s after healing, and no closer to it for ${rest.stoodStill.toFixed(0)} s: ${JSON.stringify(rest.waiting)}`,
    );
  else if (rest.stoodStill > options.within + 5)
    wrong(`at rest, but stood still for ${rest.stoodStill.toFixed(0)} s before`);
  return `${sinks.views.filter(isFinal).length} of ${sinks.views.length} at their end, ${rest.after.toFixed(0)} s after healing`;
}

/** @type {Rule} */
export function emptied({ sinks }, wrong) {
  for (const [what, count] of Object.entries(sinks.left))
    if (count !== 0) wrong(`${what}: ${count} left`);
  return Object.entries(sinks.left)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
}

/** @type {Rule} */
export function deadLetters({ sinks, faults }, wrong) {
  const injected = new Set(
    faults.filter(({ fault, sent }) => fault === 'F16' && sent).map(({ id }) => id),
  );
  const maybe = new Set(faults.filter(({ fault }) => fault === 'F16').map(({ id }) => id)); // also without an answer
  for (const { queue, message_id: id, contract, error, cause } of sinks.dead)
    if (!maybe.has(id)) wrong(`${contract} in ${queue} died of ${error}: ${cause}`);
  const dead = new Set(sinks.dead.map(({ message_id: id }) => id));
  for (const id of injected)
    if (!dead.has(id ?? '')) wrong(`the rubbish ${id} is gone without a dead letter`);
  const poison = faults.filter(({ poison: one }) => one);
  for (const one of poison) judgePoison(one, wrong);
  return `${sinks.dead.length} dead letters, ${injected.size} injected${poison.length ? `; ${poison.map(({ fault, deaths }) => `${fault} died after ${deaths?.[0]?.deliveries ?? '?'} deliveries`).join(', ')}` : ''}`;
}

/**
 * A message that no handler survives must become a dead letter with evidence. `deaths` were read
 * before it was replayed on a sound build.
 * @param {Fault} fault
 * @param {Wrong} wrong
 */
function judgePoison({ fault, poison, deaths = [], replayed, why }, wrong) {
  const death = deaths.find(({ orderId }) => orderId === poison);
  if (!death)
    wrong(
      `${fault}: the message of ${poison}, which no handler survives, never became a dead letter`,
    );
  else if (!death.error || !death.cause || !(death.deliveries > 0))
    wrong(`${fault}: the dead letter of ${poison} lacks evidence: ${JSON.stringify(death)}`);
  else if (!replayed) wrong(`${fault}: the dead letter of ${poison} could not be replayed: ${why}`);
}

/** @type {Rule} */
export function clock({ faults }, wrong) {
  const skews = faults.filter(({ fault, phases }) => fault === 'F12' && phases);
  for (const { victim, phases = [] } of skews)
    phases.forEach(({ off, worked }, n) => {
      if (!(worked > 0))
        wrong(
          `${victim} did nothing ${off ? `while its clock was ${off} h off` : `after its clock had jumped back from ${phases[n - 1]?.off} h off`}`,
        );
    });
  return (
    skews
      .map(
        ({ victim, phases = [] }) =>
          `${victim} ${phases.map(({ off, worked }) => `${off} h: ${worked}`).join(', ')}`,
      )
      .join('; ') || 'no clock was touched'
  );
}

/**
 * @param {readonly number[]} sorted
 * @param {number} q
 */
const quantile = (sorted, q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
/** Fewer orders give no p99. */
const ENOUGH = 20;
/** Orders that take this many times as long as before are slow, whatever the machine. */
const SLOWER = 3;

/**
 * While a fault concerns one message or one connection, all other orders end as fast as before it,
 * measured in the same run. The fault may cost them `costs` seconds by design.
 * @type {Rule}
 */
export function pace({ faults, history, sinks }, wrong) {
  const meant = faults.filter(({ fault, from }) => fault in APART && from);
  const orders = ordinary({ history, sinks, meant });
  const calmUntil = Math.min(...meant.map(({ from = Infinity }) => from));
  return (
    meant.map((event) => judgePace({ ...event, calmUntil }, orders, wrong)).join('; ') ||
    'no fault concerned one message or connection'
  );
}

/**
 * The orders that went smoothly by themselves, in milliseconds.
 * @param {Pick<Evidence, 'history' | 'sinks'> & { meant: readonly Fault[] }} record
 * @returns {Ordinary[]}
 */
function ordinary({ history, sinks, meant }) {
  const poison = new Set(meant.map(({ poison: one }) => one));
  const smooth = new Map(
    history
      .filter(({ type, lines, token }) => type === 'invoke' && lines && token === 'tok_ok')
      .map(({ key, at }) => [key, at]),
  );
  const keys = new Map(
    sinks.orders.map(({ order_id: order, idempotency_key: key }) => [order, key]),
  );
  return sinks.views
    .filter(
      ({ order_id: order, status }) =>
        !poison.has(order) && status === 'delivered' && smooth.has(keys.get(order)),
    )
    .map(({ placed_at: placed, finished_at: finished }) => ({
      began: new Date(placed).getTime(),
      took: new Date(finished ?? NaN).getTime() - new Date(placed).getTime(),
    }));
}

/**
 * @param {Fault & { calmUntil: number }} event
 * @param {readonly Ordinary[]} orders
 * @param {Wrong} wrong
 */
function judgePace({ fault, calmUntil, from = NaN, to = NaN }, orders, wrong) {
  const { catches, costs = NaN } = faultOf(fault);
  /**
   * @param {(order: Ordinary) => boolean} which
   * @param {number} q
   */
  const slow = (which, q) => {
    const took = orders
      .filter(which)
      .map((order) => order.took)
      .sort((a, b) => a - b);
    return took.length < ENOUGH ? undefined : quantile(took, q);
  };
  // Orders that were under way when the fault began count as during it: it can hold them up.
  const [q, name] = catches
    ? /** @type {const} */ ([1, 'slowest'])
    : /** @type {const} */ ([0.99, 'p99']);
  const before = slow(({ began, took }) => began + took <= calmUntil, 0.99);
  const during = slow(({ began, took }) => began < to && began + took > from, q);
  if (before === undefined || during === undefined) {
    wrong(`${fault}: too few orders to tell a pace`);
    return `${fault} unknown`;
  }
  const most = SLOWER * before + costs * 1000;
  const [was, is] = [before, during].map((took) => `${(took / 1000).toFixed(1)} s`);
  if (during > most)
    wrong(
      `${fault}: the p99 of the others was ${was} before, and the ${name} ${is} during it, more than ${(most / 1000).toFixed(0)} s`,
    );
  return `${fault} p99 ${was} → ${name} ${is}`;
}

/**
 * A run proves nothing if a fault had no effect, or if no order had to be undone.
 * @type {Rule}
 */
export function bit({ faults, history, sinks, options }, wrong) {
  const bites = Object.fromEntries(
    options.faults.map((id) => [
      id,
      faults.filter((event) => event.fault === id && event.bit).length,
    ]),
  );
  for (const [id, count] of Object.entries(bites)) {
    const first = faults.find(({ fault }) => fault === id);
    if (count === 0)
      wrong(`${id} never bit: ${JSON.stringify(first ?? 'it was not in the schedule')}`);
  }
  for (const { point } of faults.flatMap(({ gaps = [] }) => gaps).filter(neverBit))
    wrong(`F02: no process ended at ${point}`);
  if (options.faults.includes('F01') && !(sinks.redeliveries > 0))
    wrong('F01: nothing was delivered again, although processes were killed');
  if (
    options.faults.includes('F16') &&
    !history.some(({ type, status }) => type === 'hostile' && isBetween(status, 400, 500))
  )
    wrong('F16: no hostile request was refused');
  for (const [what, contract] of [
    ['payment was given back', 'payments.payment-refunded'],
    ['stock was released', 'inventory.stock-released'],
  ])
    if (!sinks.events.some((event) => event.contract === contract))
      wrong(`no ${what}: nothing shows that undoing works`);
  const refused = faults.flatMap(({ fault, refused = 0 }) => (fault === 'F03' ? [refused] : []));
  return `${Object.entries(bites)
    .map(([id, count]) => `${id} ${count}×`)
    .join(', ')}; ${sinks.redeliveries} delivered again, ${sum(refused)} late writes refused`;
}

/**
 * True if no process ended at this step, however often it was tried.
 * @param {Gap} gap
 * @param {number} _
 * @param {readonly Gap[]} all
 */
const neverBit = ({ point }, _, all) => !all.some((gap) => gap.point === point && gap.bit);
