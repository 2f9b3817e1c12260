// The bench of growth: what becomes of Parley's figures on PostgreSQL when there is more of
// something. A database for each step.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../measure/cpu.mjs';
import { mostResidentOf } from '../measure/memory.mjs';
import { start } from '../measure/processes.mjs';
import { dropDatabase, makeDatabase, query } from '../measure/servers.mjs';
import { wrongInShares } from './ledger.mjs';

/** @import { Contestant, Context, Figures, FigureName, Mode, Work } from '../measure/mode.mjs' */
/** @import { Servant } from '../measure/processes.mjs' */
/** @import { Place } from './service.mjs' */

/** @typedef {'command' | 'event'} Kind */

/**
 * One thing that there is more of, from step to step.
 * @typedef {object} Growth
 * @property {string} what
 * @property {string} by the heading of the column of steps
 * @property {number[]} steps
 * @property {FigureName[]} shows in its plot
 * @property {Kind[]} [kinds] default: both
 * @property {(trial: Trial, step: number) => Promise<Figures>} measure
 */

const PROGRAM = path.join(import.meta.dirname, 'service.mjs');
/** After this time without one more message handled the rest is lost. */
const SILENCE_MS = 60_000;
const LOOK_MS = 100;
const REST_MS = 300;
/** Time in which instances share the parts of a log. */
const SHARING_MS = 12_000;
/** Longest time for one order: a million messages are sent by one. */
const PATIENCE_MS = 30 * 60_000;
const KEYS = 1_000;
const DATABASE = 'bench_growth';
/** Time before delayed messages are due, with a millisecond more for each. */
const DUE_AFTER_MS = 10_000;
/** Clocks and roundings. */
const EARLY_MS = 20;
const HOT = 'hot';

/** @type {Record<string, Growth>} */
const GROWTHS = {
  contracts: {
    what: 'contracts in use by one service, 5,000 messages of all of them, handled one by one',
    by: 'contracts',
    steps: [1, 10, 100],
    shows: ['cpuNode', 'memory', 'startSeconds'],
    async measure(trial, contracts) {
      const count = trial.count(5_000);
      await trial.begin({ contracts });
      const consumer = await trial.consumer();
      await trial.fill({ count, keys: KEYS });
      const opened = await consumer.ask({ open: { run: trial.run, count, held: true } });
      await consumer.ask({ first: true });
      const done = await trial.drained([consumer], count);
      return { startSeconds: opened.seconds, memory: done.memory, ...rateOf(done, count) };
    },
  },
  waiting: {
    what: 'messages that wait when a consumer starts, handled in batches of 100; claim: each statement that gets some of them',
    by: 'waiting',
    steps: [1_000, 10_000, 100_000, 1_000_000],
    shows: ['claimP99', 'memory', 'drainSeconds', 'indexSize'],
    async measure(trial, step) {
      const count = trial.count(step);
      await trial.begin({ batch: 100 });
      const consumer = await trial.consumer();
      await trial.fill({ count, keys: KEYS });
      const indexSize = await trial.indexSize();
      await consumer.ask({ open: { run: trial.run, count, held: true } });
      await consumer.ask({ first: true });
      const done = await trial.drained([consumer], count);
      const { claims, seconds, memory } = done;
      if (Number.isNaN(claims.p50))
        throw new Error('no claim was timed: its statement has another name by now');
      return {
        ...rateOf(done, count),
        claimP50: claims.p50,
        claimP99: claims.p99,
        memory,
        indexSize,
        drainSeconds: seconds,
      };
    },
  },
  lanes: {
    what: '10,000 messages in so many lanes, each handled in 2 ms, behind 2,000 of one hot lane; times: of the others, from the start of handling',
    by: 'lanes',
    steps: [10, 100, 1_000, 10_000],
    shows: ['p99', 'quietP99'],
    async measure(trial, keys) {
      const quiet = await besideHotLane(trial, keys, 0);
      const beside = await besideHotLane(trial, keys, trial.count(2_000));
      return { p50: beside.p50, p99: beside.p99, quietP99: quiet.p99 };
    },
  },
  consumers: {
    what: 'consumer processes of one queue or subscription, 20,000 messages, handled one by one, 10 at once in each',
    by: 'processes',
    steps: [1, 2, 4, 8],
    shows: ['rate', 'cpuNode', 'claimP99'],
    async measure(trial, processes) {
      const count = trial.count(20_000);
      await trial.begin({});
      /** @type {Servant[]} */
      const consumers = [];
      for (let n = 0; n < processes; n++) consumers.push(await trial.consumer());
      for (const one of consumers) await one.ask({ open: { run: trial.run, count, held: true } });
      await sleep(SHARING_MS);
      await trial.fill({ count, keys: KEYS });
      const done = await trial.drained(consumers, count);
      return { ...rateOf(done, count), claimP99: done.claims.p99 };
    },
  },
  subscriptions: {
    what: 'subscriptions of one event, all in one process; a second and CPU for 1,000: deliveries; p50 and p99 at 10 events a second',
    by: 'subscriptions',
    steps: [1, 5, 10, 50],
    shows: ['cpuNode', 'p99', 'memory'],
    kinds: ['event'],
    async measure(trial, subscriptions) {
      const events = Math.ceil(trial.count(10_000) / subscriptions);
      const paced = trial.count(200);
      await trial.begin({ subscriptions });
      const consumer = await trial.consumer();
      await consumer.ask({ open: { run: trial.run, count: events, held: true } });
      await trial.fill({ count: events, keys: KEYS });
      await consumer.ask({ first: true });
      const done = await trial.drained([consumer], events, { closes: false });
      await consumer.ask({ expect: { run: 'paced', count: paced } });
      await trial.sender.ask({ pace: { run: 'paced', count: paced, rate: 10, keys: KEYS } });
      const { waits } = await trial.drained([consumer], paced);
      return {
        ...rateOf(done, events * subscriptions),
        p50: waits.p50,
        p99: waits.p99,
        memory: done.memory,
      };
    },
  },
  delayed: {
    what: 'delayed messages that are due at the same moment, handled one by one; times: from that moment',
    by: 'due',
    steps: [100, 1_000, 10_000],
    shows: ['p50', 'p99', 'longest'],
    kinds: ['command'],
    async measure(trial, step) {
      const count = trial.count(step);
      await trial.begin({});
      const consumer = await trial.consumer();
      await consumer.ask({ open: { run: trial.run, count } });
      const { now } = await trial.sender.ask({ now: true });
      const due = Math.ceil(now + DUE_AFTER_MS + count);
      await trial.fill({ count, keys: KEYS, due });
      const { now: filled } = await trial.sender.ask({ now: true });
      if (filled > due) throw new Error(`sending ${count} messages took longer than they had time`);
      const { waits } = await trial.drained([consumer], count);
      if (waits.least < -EARLY_MS)
        throw new Error(`a message came ${-waits.least} ms before it was due`);
      return { p50: waits.p50, p99: waits.p99, longest: waits.longest };
    },
  },
};

/**
 * @param {Trial} trial
 * @param {number} keys
 * @param {number} hot messages of the hot lane, before all others
 */
async function besideHotLane(trial, keys, hot) {
  const count = trial.count(10_000);
  await trial.begin({ keyed: true, holds: 2, hot: HOT });
  const consumer = await trial.consumer();
  if (hot > 0) await trial.fill({ count: hot, hot: HOT });
  await trial.fill({ from: hot, count, keys });
  await consumer.ask({ open: { run: trial.run, count: hot + count, held: true } });
  await consumer.ask({ first: true });
  const { waits } = await trial.drained([consumer], hot + count);
  await trial.end();
  return waits;
}

/**
 * @param {{ seconds: number, cpuNode: number, cpuServer: number }} done
 * @param {number} count
 */
const rateOf = ({ seconds, cpuNode, cpuServer }, count) => ({
  rate: count / seconds,
  cpuNode: (cpuNode / count) * 1000,
  cpuServer: (cpuServer / count) * 1000,
});

/** One step of one growth. */
class Trial {
  run;
  #contestant;
  #context;
  #kind;
  #database = '';
  /** @type {Place | undefined} */
  #place;
  /** @type {Servant[]} the sender first */
  #servants = [];

  /** @param {Contestant} contestant @param {Context} context @param {string} run */
  constructor(contestant, context, run) {
    this.#contestant = contestant;
    this.#context = context;
    this.#kind = /** @type {Kind} */ (contestant.with?.['kind']);
    this.run = run;
  }

  /** @param {number} wanted */
  count(wanted) {
    return Math.max(20, Math.round(wanted * this.#context.scale));
  }

  /** @param {Partial<Place>} settings */
  async begin(settings) {
    const { servers, dist } = this.#context;
    this.#database = await makeDatabase(servers.get('postgres')?.url ?? '', DATABASE);
    this.#place = {
      dist: path.resolve(this.#contestant.dist ?? dist),
      postgres: this.#database,
      kind: this.#kind,
      keyed: false,
      contracts: 1,
      subscriptions: 1,
      holds: 0,
      ...settings,
    };
    await this.#start('sender');
  }

  async end() {
    for (const one of this.#servants.splice(0)) await one.end();
    if (this.#database)
      await dropDatabase(this.#context.servers.get('postgres')?.url ?? '', DATABASE);
    this.#database = '';
  }

  get sender() {
    const [sender] = this.#servants;
    if (!sender) throw new Error('there is no sender');
    return sender;
  }

  consumer() {
    return this.#start('consumer');
  }

  /** @param {'sender' | 'consumer'} role */
  async #start(role) {
    const { node } = this.#context;
    const name = `${this.#contestant.label} (${role})`;
    const servant = await start(PROGRAM, [role, JSON.stringify(this.#place)], {
      node,
      name,
      patienceMs: PATIENCE_MS,
    });
    this.#servants.push(servant);
    return servant;
  }

  /** @param {{ from?: number, count: number, keys?: number, hot?: string, due?: number }} what */
  async fill(what) {
    await this.sender.ask({ fill: { run: this.run, ...what } });
    await sleep(REST_MS);
  }

  /** MiB of all indexes on waiting messages. */
  async indexSize() {
    const [{ size }] = await query(
      this.#database,
      this.#kind === 'command'
        ? "select pg_indexes_size('parley.message')::float8 size"
        : "select sum(pg_indexes_size(inhrelid))::float8 size from pg_inherits where inhparent in ('parley.event'::regclass, 'parley.event_batch'::regclass)",
    );
    return size / 2 ** 20;
  }

  /**
   * Lets the consumers handle, until they have handled everything, and judges them.
   * @param {Servant[]} consumers
   * @param {number} count
   * @param {{ closes?: boolean }} [options] closes: the consumers, which may wait for more
   */
  async drained(consumers, count, { closes = true } = {}) {
    const pids = this.#servants.map(({ pid }) => pid);
    const server = [this.#context.servers.get('postgres')?.pid ?? 0];
    const before = [cpuSeconds(pids), cpuSeconds(server)];
    const began = await Promise.all(consumers.map((one) => one.ask({ go: true })));
    const each = this.#place?.subscriptions ?? 1;
    await this.#allHandled(consumers, count * each);
    const [cpuNode = 0, cpuServer = 0] = [cpuSeconds(pids), cpuSeconds(server)].map(
      (used, index) => used - (before[index] ?? 0),
    );
    await sleep(REST_MS);
    const memory = Math.max(...consumers.map(({ pid }) => mostResidentOf(pid)));
    const ends = await Promise.all(
      consumers.map((one) => one.ask(closes ? { close: true } : { tell: true })),
    );
    for (let subscription = 0; subscription < each; subscription++) {
      const wrong = wrongInShares(
        ends.map(({ told }) => told[subscription]),
        count,
      );
      if (wrong.length > 0)
        throw new Error(`${this.#contestant.label} is refused in ${this.run}: ${wrong.join(', ')}`);
    }
    const last = Math.max(
      ...ends.flatMap(({ told }) => told.map((/** @type {{ last: number }} */ one) => one.last)),
    );
    const first = Math.min(...began.map(({ at }) => at));
    return {
      cpuNode,
      cpuServer,
      memory,
      seconds: (last - first) / 1000,
      waits: ends[0].waits,
      claims: { p50: ends[0].claims.p50, p99: Math.max(...ends.map(({ claims }) => claims.p99)) },
    };
  }

  /** @param {Servant[]} consumers @param {number} wanted */
  async #allHandled(consumers, wanted) {
    for (let [seen, since] = [-1, 0]; ; await sleep(LOOK_MS)) {
      const all = await Promise.all(consumers.map((one) => one.ask({ handled: true })));
      const handled = all.reduce((sum, one) => sum + one.handled, 0);
      if (handled >= wanted) return;
      if (handled !== seen) [seen, since] = [handled, performance.now()];
      if (performance.now() - since > SILENCE_MS)
        throw new Error(`${wanted - handled} of ${wanted} messages were not handled`);
    }
  }
}

/** @type {Mode['measure']} */
async function measure(contestant, context, round) {
  /** @type {Record<string, Figures>} */
  const figures = {};
  for (const [name, growth] of Object.entries(GROWTHS)) {
    const kind = /** @type {Kind} */ (contestant.with?.['kind']);
    if (!context.wants(name) || !(growth.kinds ?? [kind]).includes(kind)) continue;
    for (const step of growth.steps.filter((one) => context.wants(name, one))) {
      const trial = new Trial(contestant, context, `${round}-${name}-${step}`);
      console.error(`${contestant.label}: ${step.toLocaleString('en-GB')} ${growth.by} …`);
      try {
        figures[`${name}/${step}`] = await growth.measure(trial, step);
      } finally {
        await trial.end();
      }
    }
  }
  return figures;
}

const SETTINGS =
  'defaults, concurrency 10, in the database of the service. Each message takes effect once.';

/** @type {Mode} */
export const growth = {
  name: 'growth',
  what: 'What more of something does to Parley on PostgreSQL: messages of 500 bytes, validated on both sides. Each step in new processes and a database of its own, without a warm-up',
  servers: ['postgres'],
  works: Object.entries(GROWTHS).map(([name, { what, by, steps, shows }]) => ({
    name,
    what,
    by,
    steps,
    shows,
  })),
  contestants: [
    {
      name: 'parley-command',
      label: 'commands',
      file: '',
      with: { kind: 'command' },
      settings: `${SETTINGS} Without keys, but for lanes.`,
    },
    {
      name: 'parley-event',
      label: 'events',
      file: '',
      with: { kind: 'event' },
      settings: `${SETTINGS} Of 1,000 keys, but for lanes.`,
    },
  ],
  apart: true,
  measure,
};
