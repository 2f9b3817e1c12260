// The cost of a call: CPU of the caller and of the one that answers, in processes of their own, by
// technology, in interleaved rounds. On a busy machine the lowest CPU says most, rate and latency
// little.
import path from 'node:path';
import { ask, start } from '../tools/calls/forked.mjs';
import { freePort } from '../tools/dev/ports.mjs';
import { median } from './measure/statistics.mjs';

/** Calls of which each waits for the one before it. */
const ONE_AT_A_TIME = 300;

/**
 * One run, on both sides.
 * @typedef {object} Measured
 * @property {number} alone p50 of calls of which each waits for the one before it, in milliseconds
 * @property {number} caller CPU a call, in microseconds, as the next one
 * @property {number} server
 * @property {number} p50 in milliseconds
 * @property {number} rate calls a second
 */

/**
 * A caller and one that answers, on one technology, of one build.
 * @param {{ dist: string, label: string }} build
 * @param {string} technology
 * @param {string} resilience
 */
async function pair({ dist, label }, technology, resilience) {
  const file = technology === 'by-hand' ? 'calls-by-hand.mjs' : 'calls-process.mjs';
  const program = path.join(import.meta.dirname, file);
  const args = [path.resolve(dist), technology, String(await freePort())];
  /** @param {string[]} role */
  const begin = (...role) => start(program, [...args, ...role], { CALLS_RESILIENCE: resilience });
  const server = await begin('serve');
  const caller = await begin();
  /** @type {Measured[]} */
  const runs = [];
  return {
    name: `${technology}${resilience === 'off' ? ', policies off' : ''}${label}`,
    runs,
    /**
     * @param {number} calls
     * @param {number} concurrency
     * @returns {Promise<Measured>}
     */
    async run(calls, concurrency) {
      await ask(server, {});
      const asked = await ask(caller, { calls, concurrency });
      const { cpu } = await ask(server, {});
      const { p50: alone } = await ask(caller, { calls: ONE_AT_A_TIME, concurrency: 1 });
      return {
        alone,
        caller: asked.cpu / calls,
        server: cpu / calls,
        ...asked,
        rate: calls / asked.seconds,
      };
    },
    close: () => [server, caller].forEach((child) => child.disconnect()),
  };
}

/**
 * @param {string} dist
 * @param {{ rounds?: number, calls?: number, concurrency?: number, technologies?: string, resilience?: string, with?: string }} options
 */
export async function calls(dist, options) {
  const {
    rounds = 5,
    calls: count = 10_000,
    concurrency = 64,
    technologies = 'by-hand,http,tcp,grpc',
    resilience = 'on',
  } = options;
  const builds = [
    { dist, label: '' },
    ...(options.with ? [{ dist: options.with, label: ` (${options.with})` }] : []),
  ];
  const pairs = [];
  for (const technology of technologies.split(','))
    for (const build of builds)
      for (const policies of resilience.split(','))
        pairs.push(await pair(build, technology, policies));
  for (const one of pairs) await one.run(count, concurrency); // compiles
  for (let round = 0; round < rounds; round++)
    for (const one of pairs) one.runs.push(await one.run(count, concurrency));
  console.log(
    `${rounds} rounds of ${count} calls, ${concurrency} at once: the lowest CPU, and medians\n`,
  );
  console.log(
    '| technology | CPU a call | caller | server | median | calls/s | p50 | p50, one at a time |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const { name, runs } of pairs) {
    /** @param {(run: Measured) => number} value */
    const lowest = (value) => `${Math.min(...runs.map(value)).toFixed(0)} µs`;
    /** @param {(run: Measured) => number} value */
    const of = (value) => median(runs.map(value));
    console.log(
      `| ${[
        name,
        lowest(({ caller, server }) => caller + server),
        lowest(({ caller }) => caller),
        lowest(({ server }) => server),
        `${of(({ caller, server }) => caller + server).toFixed(0)} µs`,
        of(({ rate }) => rate).toFixed(0),
        `${of(({ p50 }) => p50).toFixed(1)} ms`,
        `${of(({ alone }) => alone).toFixed(2)} ms`,
      ].join(' | ')} |`,
    );
  }
  for (const one of pairs) one.close();
  return true;
}
