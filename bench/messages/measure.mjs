// The benches of one-way messages: one contestant, one round. A producer and a consumer, each a
// process of its own; every message must be handled once, or the contestant is refused.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../measure/cpu.mjs';
import { start } from '../measure/processes.mjs';
import { dropDatabase, makeDatabase, query } from '../measure/servers.mjs';
import { quantile } from '../measure/statistics.mjs';

/** @import { Contestant, Context, Figures } from '../measure/mode.mjs' */
/** @import { Servant } from '../measure/processes.mjs' */
/** @import { Found } from './tally.mjs' */

/**
 * One measurement, as far as its processes are concerned.
 * @typedef {object} Plan
 * @property {'send' | 'handle' | 'latency'} phase
 * @property {number} count messages
 * @property {number} [together] sent in one commit
 * @property {boolean} [keyed]
 * @property {boolean} [effect]
 * @property {number} [batch]
 * @property {number} [atOnce]
 */

/** Commits under way at the same time, and messages handled at the same time. */
const AT_ONCE = 10;
/** Sent before what is measured, for code that is not compiled yet. */
const WARM_UP = 0.2;
const RATE = 100;
/** Latencies that count: the first ones meet cold caches. */
const SETTLED = 0.1;
/** A queue is filled in commits of this many. */
const FILL = 500;
/** Time for the last acknowledgements, and for servers to come to rest. */
const REST_MS = 300;

const PROCESS = path.join(import.meta.dirname, 'process.mjs');

/**
 * @param {Record<string, Plan>} plans by work
 * @returns {(contestant: Contestant, context: Context, round: number) => Promise<Record<string, Figures>>}
 */
export const messagesBench = (plans) => async (contestant, context, round) => {
  const trial = new Trial(contestant, context, round);
  /** @type {Record<string, Figures>} */
  const figures = {};
  await trial.begin();
  try {
    for (const [work, plan] of Object.entries(plans))
      if (context.wants(work) && !contestant.without?.includes(work))
        figures[work] = await trial.measure(work, plan);
  } finally {
    await trial.end();
  }
  return figures;
};

class Trial {
  #name;
  #contestant;
  #context;
  #round;
  #database = '';
  /** @type {Servant | undefined} */
  #producer;
  /** @type {Servant | undefined} */
  #consumer;

  /** @param {Contestant} contestant @param {Context} context @param {number} round */
  constructor(contestant, context, round) {
    this.#contestant = contestant;
    this.#context = context;
    this.#round = round;
    this.#name = `bench_${contestant.name.replace(/\W/g, '_')}`;
  }

  async begin() {
    const { servers, node, dist } = this.#context;
    const { file, dist: own = dist, label } = this.#contestant;
    /** @param {'postgres' | 'redis' | 'rabbitmq' | 'kafka'} name */
    const url = (name) => servers.get(name)?.url ?? '';
    this.#database = await makeDatabase(url('postgres'), this.#name);
    const place = {
      name: `${this.#name}_${this.#round}`,
      dist: path.resolve(own),
      postgres: this.#database,
      redis: url('redis'),
      rabbitmq: url('rabbitmq'),
      kafka: url('kafka'),
      settings: this.#contestant.with ?? {},
    };
    const absolute = path.resolve(import.meta.dirname, '..', file);
    /** @param {string} role */
    const process = (role) =>
      start(PROCESS, [absolute, role, JSON.stringify(place)], { node, name: `${label} (${role})` });
    this.#producer = await process('producer'); // it installs
    this.#consumer = await process('consumer');
  }

  async end() {
    await this.#producer?.ask({ end: true }).catch(() => undefined);
    await this.#producer?.end();
    await this.#consumer?.end();
    await dropDatabase(this.#context.servers.get('postgres')?.url ?? '', this.#name);
  }

  /** @param {string} work @param {Plan} plan @returns {Promise<Figures>} */
  async measure(work, { count: wanted, ...plan }) {
    const count = Math.max(20, Math.round(wanted * this.#context.scale));
    const { keyed, effect, batch } = plan;
    const run = `${this.#round}-${work}`;
    /** @type {Measurement} */
    const measurement = { run, count, work: { keyed, effect, batch, concurrency: AT_ONCE } };
    if (plan.phase === 'latency') return this.#latency(measurement);
    return plan.phase === 'send'
      ? this.#send(measurement, plan)
      : this.#handle(measurement, effect ?? false);
  }

  /**
   * Handles the messages that were sent, to find lost ones.
   * @typedef {{ run: string, count: number, work: object }} Measurement
   * @param {Measurement} measurement
   * @param {Omit<Plan, 'count'>} plan
   * @returns {Promise<Figures>}
   */
  async #send(measurement, { together = 1, atOnce = AT_ONCE }) {
    const warm = {
      ...measurement,
      run: `${measurement.run}-warm`,
      count: Math.ceil(measurement.count * WARM_UP),
    };
    await this.#ask('producer', { send: { ...warm, together, atOnce } });
    await this.#emptied(warm);
    const { seconds, ...cpu } = await this.#counted(() =>
      this.#ask('producer', { send: { ...measurement, together, atOnce } }),
    );
    await this.#emptied(measurement);
    return { rate: measurement.count / seconds, ...each(cpu, measurement.count) };
  }

  /** @param {Measurement} measurement */
  async #emptied(measurement) {
    await this.#ask('consumer', { open: { ...measurement, held: true } });
    await this.#ask('consumer', { go: true });
    await this.#close(measurement, false);
  }

  /**
   * The queue is full when the consumer starts; what is measured begins with its first message.
   * @param {Measurement} measurement
   * @param {boolean} effect
   * @returns {Promise<Figures>}
   */
  async #handle(measurement, effect) {
    const { count } = measurement;
    const warm = {
      ...measurement,
      run: `${measurement.run}-warm`,
      count: Math.ceil(count * WARM_UP),
    };
    await this.#ask('producer', { send: { ...warm, together: FILL, atOnce: 1 } });
    await this.#emptied(warm);
    await this.#ask('producer', { send: { ...measurement, together: FILL, atOnce: 1 } });
    await this.#ask('consumer', { open: { ...measurement, held: true } });
    await sleep(REST_MS);
    const { seconds, ...cpu } = await this.#counted(() => this.#ask('consumer', { go: true }));
    await this.#close(measurement, effect);
    return { rate: count / seconds, ...each(cpu, count) };
  }

  /** @param {Measurement} measurement @returns {Promise<Figures>} */
  async #latency(measurement) {
    await this.#ask('consumer', { open: { ...measurement, held: false } });
    await sleep(REST_MS);
    await this.#ask('producer', { pace: { ...measurement, rate: RATE } });
    const { took } = await this.#ask('consumer', { heard: true });
    await this.#close(measurement, false);
    const settled = took.slice(Math.floor(took.length * SETTLED));
    return { p50: quantile(settled, 0.5), p99: quantile(settled, 0.99) };
  }

  /**
   * Ends the consumer, and refuses the contestant if it lost, doubled or swapped a message.
   * @param {Measurement} measurement
   * @param {boolean} effect
   */
  async #close({ run, count, work }, effect) {
    await sleep(REST_MS);
    /** @type {Found} */
    const found = await this.#ask('consumer', { close: true });
    const { keyed } = /** @type {Plan} */ (work);
    const wrong = wrongIn(found, count, keyed ?? false);
    if (effect) {
      const [{ all, different }] = await query(
        this.#database,
        `select count(*)::int "all", count(distinct n)::int different from public.effect where run = '${run}'`,
      );
      if (all !== count || different !== count)
        wrong.push(`${all} effects of ${different} messages instead of ${count}`);
    }
    if (wrong.length > 0)
      throw new Error(`${this.#contestant.label} is refused in ${run}: ${wrong.join(', ')}`);
  }

  /**
   * With the CPU that Node and the servers used meanwhile.
   * @param {() => Promise<{ seconds: number }>} work
   */
  async #counted(work) {
    const pids = [this.#producer?.pid ?? 0, this.#consumer?.pid ?? 0];
    const servers = [...this.#context.servers.values()].map(({ pid }) => pid);
    const [node, server] = [cpuSeconds(pids), cpuSeconds(servers)];
    const { seconds } = await work();
    return { seconds, node: cpuSeconds(pids) - node, server: cpuSeconds(servers) - server };
  }

  /** @param {'producer' | 'consumer'} whom @param {object} order */
  #ask(whom, order) {
    const servant = whom === 'producer' ? this.#producer : this.#consumer;
    if (!servant) throw new Error(`there is no ${whom}`);
    return servant.ask(order);
  }
}

/**
 * @param {Found} found
 * @param {number} count
 * @param {boolean} keyed
 */
export function wrongIn({ handled, doubled, strays, swapped }, count, keyed) {
  const wrong = [];
  if (handled < count) wrong.push(`${count - handled} of ${count} messages lost`);
  if (doubled > 0) wrong.push(`${doubled} handled twice`);
  if (strays > 0) wrong.push(`${strays} of an earlier measurement handled again`);
  if (keyed && swapped > 0) wrong.push(`${swapped} out of the order of their key`);
  return wrong;
}

/**
 * CPU seconds for 1,000 messages.
 * @param {{ node: number, server: number }} cpu
 * @param {number} count
 */
const each = ({ node, server }, count) => ({
  cpuNode: (node / count) * 1000,
  cpuServer: (server / count) * 1000,
});
