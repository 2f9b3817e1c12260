// The schedule of faults: a pure function of the seed, so that a run can be repeated.
import { randomOf } from './random.mjs';

/** @import { Gap, Planned } from './record.mjs' */
/** @import { Random } from './random.mjs' */

/**
 * @typedef {object} FaultKind
 * @property {string} what
 * @property {number} [seconds] its duration; these run one after the other. A fault without it goes
 * on during the whole run, beside the others
 * @property {number} [costs] seconds that others may wait
 * @property {boolean} [catches] some others, of which none may wait longer
 */

/**
 * The inputs of a schedule.
 * @typedef {object} Plan
 * @property {number} seed
 * @property {number} seconds
 * @property {readonly string[]} faults
 * @property {readonly string[]} [gaps]
 */

/** @typedef {Planned & { until: number }} Turn */

/** @type {Readonly<Record<string, FaultKind>>} */
export const FAULTS = {
  F01: { what: 'kill -9 of a random process every 3 s' },
  F02: { what: 'processes end themselves between two steps of a message', seconds: 60 },
  F03: {
    what: 'SIGSTOP of a payments and an orders process beyond their leases, then SIGCONT',
    seconds: 42,
  },
  F08: { what: 'kill -9 of PostgreSQL', seconds: 15 },
  F12: {
    what: 'the clock of one process jumps an hour ahead, back, an hour behind, and back',
    seconds: 45,
  },
  F14: { what: 'ten times the orders with a slow payment provider', seconds: 15 },
  F16: { what: '5 % hostile requests at the edge, and rubbish in the queues' },
  F17: { what: 'power cut: everything killed at once, then a cold start', seconds: 30 },
  F05: {
    what: 'the network between one process and PostgreSQL falls silent',
    seconds: 75,
    costs: 45,
    catches: true,
  },
  F20: { what: 'the handler of one order hangs for ever', seconds: 60, costs: 0 },
  F21: { what: 'the handler of one order ends its process', seconds: 60, costs: 35 },
  F22: {
    what: 'the handler of one order blocks its process for longer than a lease',
    seconds: 60,
    costs: 50,
  },
};

/**
 * Faults of one message or one connection, during which all other orders must keep their pace: they
 * run beside no other fault. `costs`: the seconds that other orders may wait all the same. Silence
 * costs a handler's time limit (30 s), a lease (10 s in such a run) and a reserve; it lasts longer
 * than that. `catches`: the fault holds up a few other orders, and none of them may wait longer,
 * not only 99 of 100. A process that ends costs two leases and the launcher's longest wait (15 s).
 * A process that stands still costs twice its standstill (15 s) and two leases.
 */
export const APART = Object.fromEntries(
  Object.entries(FAULTS).filter(([, { costs }]) => costs !== undefined),
);
export const TOGETHER = Object.keys(FAULTS).filter((id) => !(id in APART));

/**
 * @param {string} id
 * @returns {FaultKind}
 */
export function faultOf(id) {
  const fault = FAULTS[id];
  if (!fault) throw new Error(`there is no fault "${id}"`);
  return fault;
}

/** @param {string} id */
const secondsOf = (id) => faultOf(id).seconds ?? 0;

/** Instances: more than one where another process must take over. */
export const SCALE = { orders: 2, inventory: 2, payments: 2 };
const VICTIMS = [
  'gateway-1',
  'orders-1',
  'orders-2',
  'catalog-1',
  'inventory-1',
  'inventory-2',
  'payments-1',
  'payments-2',
  'shipping-1',
  'notifications-1',
  'insights-1',
  'console-1',
];
export const QUEUES = ['inventory', 'payments', 'shipping'];
/** Processes whose clocks F12 changes: they publish events, whose times show it. */
const WITH_A_CLOCK = [
  'orders-1',
  'orders-2',
  'inventory-1',
  'inventory-2',
  'payments-1',
  'payments-2',
  'shipping-1',
];
/** @param {string} service */
const twins = (service) => [`${service}-1`, `${service}-2`];

/**
 * By fail point of the kit: the steps between which a process ends, and the processes that reach
 * it.
 * @type {Readonly<Record<string, { what: string, of: readonly string[], all?: boolean }>>}
 */
export const GAPS = {
  'relay.read': { what: 'commit → publish', of: twins('orders'), all: true }, // only one of them relays, and which one is not known
  'relay.published': { what: 'publish → mark', of: twins('orders'), all: true },
  'saga.saved': { what: 'saga saved → dispatch', of: twins('orders') },
  'transaction.committed': { what: 'commit → wake', of: twins('payments') },
  'transaction.stored': { what: 'handled → commit', of: twins('payments') },
  'delivery.handled': { what: 'commit → acknowledge', of: twins('inventory') },
};
const MOST_PASSES = 8;

const CALM = 8; // before the first fault, and between two
/** Long enough to measure the pace that other orders must keep. */
const CALM_BEFORE_APART = 20;
const KILL_EVERY_SECONDS = 3;
const RUBBISH_EVERY_SECONDS = 10;

/** @param {readonly string[]} faults */
const inTurn = (faults) => faults.filter((id) => secondsOf(id) > 0);

/** @param {readonly string[]} faults */
const calmBefore = (faults) => (faults.some((id) => id in APART) ? CALM_BEFORE_APART : CALM);

/**
 * In seconds.
 * @param {readonly string[]} faults
 */
export const shortestFor = (faults) =>
  calmBefore(faults) + inTurn(faults).reduce((sum, id) => sum + secondsOf(id) + CALM, 0);

/**
 * Rounds of the faults that run one after the other, as many as there is time for, each round in
 * another order.
 * @param {Plan} plan
 * @returns {Turn[]}
 */
function rounds({ seed, seconds, faults, gaps }) {
  const random = randomOf(seed, 'rounds');
  const calm = calmBefore(faults);
  const round = shortestFor(faults) - calm;
  /** @type {Turn[]} */
  const found = [];
  if (round === 0) return found;
  for (let from = calm; from + round <= seconds; from += round) {
    let at = from;
    for (const fault of random.shuffled(inTurn(faults))) {
      found.push({
        at,
        until: at + secondsOf(fault),
        fault,
        ...DETAILS[fault]?.(random, gaps),
      });
      at += secondsOf(fault) + CALM;
    }
  }
  return found;
}

/** @type {Readonly<Record<string, (random: Random, gaps?: readonly string[]) => Partial<Planned>>>} */
const DETAILS = {
  F02: (random, gaps = Object.keys(GAPS)) => ({ gaps: gaps.map((point) => gap(point, random)) }),
  F03: (random) => ({ victims: [random.pick(twins('payments')), random.pick(twins('orders'))] }),
  F12: (random) => ({
    victims: [random.pick(WITH_A_CLOCK)],
    hours: random.pick([
      [1, -1],
      [-1, 1],
    ]),
  }),
};

/**
 * @param {string} point
 * @param {Random} random
 * @returns {Gap}
 */
function gap(point, random) {
  const known = GAPS[point];
  if (!known) throw new Error(`there is no gap "${point}"`);
  const { of, all } = known;
  return { point, victims: all ? of : [random.pick(of)], pass: 1 + random.below(MOST_PASSES) };
}

/** @param {string} name */
export const serviceOf = (name) => name.replace(/-\d+$/, '');

/**
 * The processes that F01 leaves alone during a fault: all in a power cut; else those of the fault,
 * and their twins, which must take over.
 * @param {Pick<Planned, 'fault' | 'victims' | 'gaps'>} turn
 */
export function sparedBy({ fault, victims = [], gaps = [] }) {
  if (fault === 'F17') return VICTIMS;
  const services = [...victims, ...gaps.flatMap((gap) => gap.victims)].map(serviceOf);
  return VICTIMS.filter((name) => services.includes(serviceOf(name)));
}

/**
 * @param {number} at
 * @param {readonly Turn[]} turns
 */
const spared = (at, turns) =>
  turns
    .filter((turn) => at >= turn.at - KILL_EVERY_SECONDS && at < turn.until + KILL_EVERY_SECONDS)
    .flatMap(sparedBy);

/**
 * @param {Plan} plan
 * @param {readonly Turn[]} turns
 * @returns {Planned[]}
 */
function kills({ seed, seconds }, turns) {
  const random = randomOf(seed, 'kills');
  const times = Array.from(
    { length: Math.floor(seconds / KILL_EVERY_SECONDS) - 1 },
    (_, n) => (n + 1) * KILL_EVERY_SECONDS + random.next(),
  );
  return times.flatMap((at) => {
    const victims = VICTIMS.filter((name) => !spared(at, turns).includes(name));
    return victims.length ? [{ at, fault: 'F01', victim: random.pick(victims) }] : [];
  });
}

/**
 * @param {Plan} plan
 * @returns {Planned[]}
 */
function rubbish({ seed, seconds }) {
  const random = randomOf(seed, 'rubbish');
  const times = Array.from(
    { length: Math.floor(seconds / RUBBISH_EVERY_SECONDS) },
    (_, n) => n * RUBBISH_EVERY_SECONDS + 4 + random.next(),
  );
  return times.map((at) => ({
    at,
    fault: 'F16',
    queue: random.pick(QUEUES),
    sort: random.below(4),
  }));
}

/**
 * Earliest first.
 * @param {Plan} options
 * @returns {Planned[]}
 */
export function scheduleOf(options) {
  const turns = rounds(options);
  return [
    ...turns,
    ...(options.faults.includes('F01') ? kills(options, turns) : []),
    ...(options.faults.includes('F16') ? rubbish(options) : []),
  ].sort((a, b) => a.at - b.at);
}

/** @param {Planned} planned */
export function described({ at, until, fault, victim, victims, gaps, queue }) {
  const ends = gaps
    ?.map(({ point, pass, victims: those }) => `${those.join(' or ')} at ${point}:${pass}`)
    .join(', ');
  const whom =
    victim ??
    victims?.join(' and ') ??
    ends ??
    (queue && `rubbish into ${queue}`) ??
    faultOf(fault).what;
  return `${at.toFixed(1).padStart(6)} s  ${fault}  ${whom}${until ? `, until ${until.toFixed(1)} s` : ''}`;
}
