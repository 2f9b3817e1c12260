// The bench of broadcasts: a sender, and hearers in five processes, each of which hears everything.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../measure/cpu.mjs';
import { start } from '../measure/processes.mjs';
import { dropDatabase, makeDatabase } from '../measure/servers.mjs';
import { quantile } from '../measure/statistics.mjs';
import { wrongIn } from '../messages/measure.mjs';

/** @import { Contestant, Context, Figures, Mode } from '../measure/mode.mjs' */
/** @import { Servant } from '../measure/processes.mjs' */

const PROCESSES = 5;
const AT_ONCE = 64;
/** Sent before what is measured, for code that is not compiled yet. */
const WARM_UP = 0.2;
/** Latencies that count: the first ones meet cold caches. */
const SETTLED = 0.1;
/** Time for servers to come to rest. */
const REST_MS = 300;
const PROCESS = path.join(import.meta.dirname, 'process.mjs');

/**
 * The groups of works: hearers in a process, broadcasts of the flood, and of the latency at a rate.
 * As many as are below what a subscription of Parley lets wait.
 */
const SIZES = [
  { hearers: 5, flood: 5_000, paced: 1_000, rate: 100 },
  { hearers: 50, flood: 1_000, paced: 200, rate: 20 },
];

/** @type {Mode['measure']} */
async function measure(contestant, context, round) {
  /** @type {Record<string, Figures>} */
  const figures = {};
  for (const size of SIZES) {
    const works = { flood: `flood-${size.hearers}`, latency: `latency-${size.hearers}` };
    if (!Object.values(works).some((work) => context.wants(work))) continue;
    const all = new Audience(contestant, context, round, size.hearers);
    try {
      await all.gather();
      if (context.wants(works.flood)) figures[works.flood] = await all.flood(size.flood);
      if (context.wants(works.latency))
        figures[works.latency] = await all.latency(size.paced, size.rate);
    } finally {
      await all.leave();
    }
  }
  return figures;
}

class Audience {
  #contestant;
  #context;
  #hearers;
  #name;
  #round;
  #runs = 0;
  /** @type {Servant | undefined} */
  #sender;
  /** @type {Servant[]} */
  #processes = [];

  /** @param {Contestant} contestant @param {Context} context @param {number} round @param {number} hearers */
  constructor(contestant, context, round, hearers) {
    this.#contestant = contestant;
    this.#context = context;
    this.#round = round;
    this.#hearers = hearers;
    this.#name = `bench_${contestant.name.replace(/\W/g, '_')}`;
  }

  async gather() {
    const { servers, node, dist } = this.#context;
    const { file, label, with: settings = {}, dist: own = dist } = this.#contestant;
    const place = JSON.stringify({
      name: `${this.#name}_${this.#round}`,
      dist: path.resolve(own),
      postgres: await makeDatabase(servers.get('postgres')?.url ?? '', this.#name),
      redis: servers.get('redis')?.url ?? '',
      each: this.#hearers / PROCESSES,
      settings,
    });
    const absolute = path.resolve(import.meta.dirname, '..', file);
    /** @param {'sender' | 'hearers'} role */
    const begin = (role) =>
      start(PROCESS, [absolute, role, place], { node, name: `${label} (${role})` });
    this.#sender = await begin('sender'); // it installs
    for (let count = 0; count < PROCESSES; count++) this.#processes.push(await begin('hearers'));
  }

  async leave() {
    for (const one of [this.#sender, ...this.#processes]) {
      await one?.ask({ end: true }).catch(() => undefined);
      await one?.end();
    }
    await dropDatabase(this.#context.servers.get('postgres')?.url ?? '', this.#name);
  }

  /** @param {number} wanted @returns {Promise<Figures>} */
  async flood(wanted) {
    const count = this.#count(wanted);
    await this.#said('flood', Math.ceil(count * WARM_UP), { atOnce: AT_ONCE });
    await sleep(REST_MS);
    const pids = [this.#sender, ...this.#processes].map((one) => one?.pid ?? 0);
    const servers = [...this.#context.servers.values()].map(({ pid }) => pid);
    const before = [cpuSeconds(pids), cpuSeconds(servers)];
    const { seconds, took } = await this.#said('flood', count, { atOnce: AT_ONCE });
    const [cpuNode = 0, cpuServer = 0] = [cpuSeconds(pids), cpuSeconds(servers)].map(
      (cpu, index) => ((cpu - (before[index] ?? 0)) / count) * 1000,
    );
    return { rate: count / seconds, cpuNode, cpuServer, ...quantiles(took) };
  }

  /** @param {number} wanted @param {number} rate @returns {Promise<Figures>} */
  async latency(wanted, rate) {
    const count = this.#count(wanted);
    await this.#said('pace', Math.ceil(count * SETTLED), { rate });
    const { took } = await this.#said('pace', count, { rate });
    return quantiles(took);
  }

  /**
   * Says so many, and refuses the contestant unless each hearer heard each of them once.
   * @param {'flood' | 'pace'} way
   * @param {number} count
   * @param {object} options
   */
  async #said(way, count, options) {
    const run = `${this.#round}-${++this.#runs}`;
    await this.#all({ expect: { run, count } });
    const { started } = await this.#sender?.ask({ [way]: { run, count, ...options } });
    const heard = await this.#all({ heard: { count } });
    const wrong = heard
      .flatMap(({ found }) => found)
      .flatMap((one) => wrongIn(one, count, false).slice(0, 1));
    if (wrong.length > 0)
      throw new Error(
        `${this.#contestant.label} is refused: ${wrong.length} of ${this.#hearers} hearers did not hear each broadcast once: ${wrong[0]}`,
      );
    const last = Math.max(...heard.map((one) => one.last));
    return { seconds: (last - started) / 1000, took: heard.flatMap((one) => one.took) };
  }

  /** @param {object} order @returns {Promise<any[]>} */
  #all(order) {
    return Promise.all(this.#processes.map((one) => one.ask(order)));
  }

  /** @param {number} wanted */
  #count(wanted) {
    return Math.max(20, Math.round(wanted * this.#context.scale));
  }
}

/** @param {number[]} took */
const quantiles = (took) => ({ p50: quantile(took, 0.5), p99: quantile(took, 0.99) });

const AT_MOST_ONCE = 'At most once: nothing is kept for who is away.';

/** @type {Mode} */
export const broadcast = {
  name: 'broadcast',
  what: `Broadcasts of 500 bytes from one process to hearers in ${PROCESSES} others, validated on both sides; CPU for 1,000 broadcasts, each of which all hearers hear`,
  servers: ['postgres'],
  works: SIZES.flatMap(({ hearers, flood, rate }) => [
    {
      name: `flood-${hearers}`,
      what: `to ${hearers} hearers, ${flood.toLocaleString('en-GB')} as fast as it goes, ${AT_ONCE} at once`,
    },
    {
      name: `latency-${hearers}`,
      what: `to ${hearers} hearers, from saying to the handler, ${rate} a second`,
    },
  ]),
  limit: 'ioredis',
  contestants: [
    {
      name: 'parley-redis',
      label: 'Parley, Redis',
      file: 'broadcasts/parley.mjs',
      servers: ['redis'],
      with: { technology: 'redis' },
      settings: `defaults; each hearer is an instance. ${AT_MOST_ONCE} An instance knows when it missed some.`,
    },
    {
      name: 'ioredis',
      label: 'by hand, ioredis',
      file: 'broadcasts/ioredis.mjs',
      packages: ['ioredis'],
      servers: ['redis'],
      settings: `a connection each. ${AT_MOST_ONCE}`,
    },
    {
      name: 'nest-redis',
      label: 'Nest, Redis',
      file: 'broadcasts/nest.mjs',
      packages: ['@nestjs/microservices', 'ioredis'],
      servers: ['redis'],
      settings: `its defaults; validation by hand. ${AT_MOST_ONCE}`,
    },
    {
      name: 'parley-postgres',
      label: 'Parley, PostgreSQL',
      file: 'broadcasts/parley.mjs',
      with: { technology: 'postgres' },
      limit: 'notify',
      settings: `defaults; each hearer is an instance. ${AT_MOST_ONCE} An instance knows when it missed some.`,
    },
    {
      name: 'notify',
      label: 'by hand, LISTEN and NOTIFY',
      file: 'broadcasts/notify.mjs',
      packages: ['pg'],
      limit: 'notify',
      settings: `a connection each, ten for saying. ${AT_MOST_ONCE}`,
    },
  ],
  measure,
};
