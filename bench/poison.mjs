// One event that fails for ever among others: runs without and with it, one after the other in
// turn, so that what the machine does meanwhile meets both. True when the other lanes' p99 stays
// below twice that without, and no effect is missing or doubled.
import { createRequire } from 'node:module';
import path from 'node:path';
import { median } from './measure/statistics.mjs';

/** @import { PoisonRun } from '../libs/parley/transports/postgres/src/poison.fixture.js' */
/** @typedef {typeof import('../libs/parley/transports/postgres/src/poison.fixture.js')} Fixture */

/** @param {number} number */
const ms = (number) => `${number.toFixed(0)} ms`;

/**
 * @param {string} dist the folder of the compiled kit
 * @param {Partial<Record<'events' | 'keys' | 'rate' | 'pairs', number>>} options
 * @returns whether the bench holds
 */
export async function poison(dist, { events = 10_000, keys = 100, rate = 250, pairs = 5 }) {
  const load = createRequire(path.resolve(dist, 'bench.js'));
  /** @type {Fixture} */
  const { poisonRun } = load('./libs/parley/transports/postgres/src/poison.fixture.js');
  console.log(
    `${events} events of ${keys} keys, ${rate} a second, ${pairs} runs without and ${pairs} with one that fails whenever it is handled\n`,
  );
  console.log(
    '| run | poison | p50 | p99 | longest | parked behind it | lane released in | wrong |',
  );
  console.log('|---|---|--:|--:|--:|--:|--:|---|');
  /** @type {Record<'without' | 'with', PoisonRun[]>} */
  const runs = { without: [], with: [] };
  for (let run = 1; run <= pairs; run++) {
    for (const sort of /** @type {const} */ (['without', 'with'])) {
      const result = await poisonRun({ events, keys, rate, poison: sort === 'with' });
      runs[sort].push(result);
      const { p50, p99, longest, parked, released, faults } = result;
      const lane = sort === 'with' ? [parked, ms(released)] : ['', ''];
      console.log(
        `| ${[run, sort, ms(p50), ms(p99), ms(longest), ...lane, faults.slice(0, 3).join('; ') || 'nothing'].join(' | ')} |`,
      );
    }
  }
  /** @param {readonly PoisonRun[]} all */
  const p99Of = (all) => median(all.map(({ p99 }) => p99));
  const [without, withPoison] = [p99Of(runs.without), p99Of(runs.with)];
  console.log(
    `\np99 of the other lanes, medians: ${ms(without)} without, ${ms(withPoison)} with: ${(withPoison / without).toFixed(2)} times`,
  );
  const isWhole = [...runs.without, ...runs.with].every(({ faults }) => faults.length === 0);
  return isWhole && withPoison < 2 * without;
}
