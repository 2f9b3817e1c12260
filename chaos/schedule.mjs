// Which fault comes when: a pure function of the seed, so that a run that found something can be repeated.
import { randomOf } from './random.mjs';

/** `seconds`: how long one takes, one after the other. Without: it goes on all the time, beside the others. */
export const FAULTS = {
  F01: { what: 'kill -9 of a random process every 3 s' },
  F02: { what: 'processes end themselves between two steps of a message', seconds: 60 },
  F03: { what: 'SIGSTOP of a payments and an orders process beyond their leases, then SIGCONT', seconds: 42 },
  F08: { what: 'kill -9 of PostgreSQL', seconds: 15 },
  F12: { what: 'the clock of one process jumps an hour ahead, back, an hour behind, and back', seconds: 45 },
  F14: { what: 'ten times the orders with a slow payment provider', seconds: 15 },
  F16: { what: '5 % hostile requests at the edge, and rubbish in the queues' },
  F17: { what: 'power cut: everything killed at once, then a cold start', seconds: 30 },
};

/** Faults that are meant for one message or one connection alone, so that all others must keep their pace, but for what they cost by design: seconds. */
export const APART = {
  F20: { what: 'the handler of one order hangs for ever', costs: 0 },
};

/** More than one where a process that stands still must be replaced by another. */
export const SCALE = { orders: 2, inventory: 2, payments: 2 };
const VICTIMS = ['gateway-1', 'orders-1', 'orders-2', 'catalog-1', 'inventory-1', 'inventory-2', 'payments-1', 'payments-2', 'shipping-1', 'notifications-1', 'insights-1', 'console-1'];
export const QUEUES = ['inventory', 'payments', 'shipping'];
/** They say events, so that the time they believe in can be seen. */
const WITH_A_CLOCK = ['orders-1', 'orders-2', 'inventory-1', 'inventory-2', 'payments-1', 'payments-2', 'shipping-1'];
const twins = (service) => [`${service}-1`, `${service}-2`];

/** Between which two steps a process ends (names of the kit's fail points), and which processes may be it. */
export const GAPS = {
  'relay.read': { what: 'commit → publish', of: twins('orders'), all: true }, // who of them relays is not known beforehand
  'relay.published': { what: 'publish → mark', of: twins('orders'), all: true },
  'saga.saved': { what: 'saga saved → dispatch', of: twins('orders') },
  'transaction.committed': { what: 'commit → wake', of: twins('payments') },
  'transaction.said': { what: 'handled → commit', of: twins('payments') },
  'delivery.handled': { what: 'commit → acknowledge', of: twins('inventory') },
};
const MOST_PASSES = 8;

const CALM = 8; // before the first, and between two
const KILL_EVERY = 3;
const RUBBISH_EVERY = 10;

const inTurn = (faults) => faults.filter((id) => FAULTS[id].seconds);

/** In seconds. */
export const shortestFor = (faults) => CALM + inTurn(faults).reduce((sum, id) => sum + FAULTS[id].seconds + CALM, 0);

/** Rounds of the faults that come one after the other, as many as there is time for, each in an order of its own. */
function rounds({ seed, seconds, faults, gaps }) {
  const random = randomOf(seed, 'rounds');
  const round = shortestFor(faults) - CALM;
  const found = [];
  if (round === 0) return found;
  for (let from = CALM; from + round <= seconds; from += round) {
    let at = from;
    for (const fault of random.shuffled(inTurn(faults))) {
      found.push({ at, until: at + FAULTS[fault].seconds, fault, ...DETAILS[fault]?.(random, gaps) });
      at += FAULTS[fault].seconds + CALM;
    }
  }
  return found;
}

const DETAILS = {
  F02: (random, gaps = Object.keys(GAPS)) => ({ gaps: gaps.map((point) => gap(point, random)) }),
  F03: (random) => ({ victims: [random.pick(twins('payments')), random.pick(twins('orders'))] }),
  F12: (random) => ({ victims: [random.pick(WITH_A_CLOCK)], hours: random.pick([[1, -1], [-1, 1]]) }),
};

function gap(point, random) {
  const { of, all } = GAPS[point];
  return { point, victims: all ? of : [random.pick(of)], pass: 1 + random.below(MOST_PASSES) };
}

export const serviceOf = (name) => name.replace(/-\d+$/, '');

/** Whom F01 leaves alone during a turn: in a power cut everybody; whom it is about, and their twins, who must live to take over. */
export function sparedBy({ fault, victims = [], gaps = [] }) {
  if (fault === 'F17') return VICTIMS;
  const services = [...victims, ...gaps.flatMap((gap) => gap.victims)].map(serviceOf);
  return VICTIMS.filter((name) => services.includes(serviceOf(name)));
}

const spared = (at, turns) => turns.filter((turn) => at >= turn.at - KILL_EVERY && at < turn.until + KILL_EVERY).flatMap(sparedBy);

function kills({ seed, seconds }, turns) {
  const random = randomOf(seed, 'kills');
  const times = Array.from({ length: Math.floor(seconds / KILL_EVERY) - 1 }, (_, n) => (n + 1) * KILL_EVERY + random.next());
  return times.flatMap((at) => {
    const victims = VICTIMS.filter((name) => !spared(at, turns).includes(name));
    return victims.length ? [{ at, fault: 'F01', victim: random.pick(victims) }] : [];
  });
}

function rubbish({ seed, seconds }) {
  const random = randomOf(seed, 'rubbish');
  const times = Array.from({ length: Math.floor(seconds / RUBBISH_EVERY) }, (_, n) => n * RUBBISH_EVERY + 4 + random.next());
  return times.map((at) => ({ at, fault: 'F16', queue: random.pick(QUEUES), sort: random.below(4) }));
}

/** [{ at, until?, fault, … }] in seconds from the beginning of the load, earliest first. */
export function scheduleOf(options) {
  const turns = rounds(options);
  return [
    ...turns,
    ...(options.faults.includes('F01') ? kills(options, turns) : []),
    ...(options.faults.includes('F16') ? rubbish(options) : []),
  ].sort((a, b) => a.at - b.at);
}

export function described({ at, until, fault, victim, victims, gaps, queue }) {
  const ends = gaps?.map(({ point, pass, victims: those }) => `${those.join(' or ')} at ${point}:${pass}`).join(', ');
  const whom = victim ?? victims?.join(' and ') ?? ends ?? (queue && `rubbish into ${queue}`) ?? FAULTS[fault].what;
  return `${at.toFixed(1).padStart(6)} s  ${fault}  ${whom}${until ? `, until ${until.toFixed(1)} s` : ''}`;
}
