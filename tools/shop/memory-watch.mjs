// The memory of the running shop over time, and whether its processes are still those of the
// beginning.
import { isSame } from '../dev/process-tree.mjs';
import { memoryOf } from './cost.mjs';

/** @import { Run, RunningInstance } from '../dev/run-file.mjs' */

/** @typedef {{ name: string, mib: number[] }} Memory resident memory of a process, sample by sample */

const SAMPLED_EVERY_MS = 5_000;
const MIB = 1024 ** 2;
/** Growth that caches and compiled code may still have after the first quarter. */
const MAY_GROW = { share: 0.25, mib: 16 };

/**
 * Samples until it is stopped.
 * @param {Run} run
 */
export function watchMemory({ instances }) {
  const watched = Object.values(instances);
  /** @type {Memory[]} */
  const seen = watched.map(({ name }) => ({ name, mib: [] }));
  const sample = () =>
    watched.forEach((one, n) => isSame(one) && seen[n]?.mib.push(memoryOf(one.pid ?? 0) / MIB));
  sample();
  const timer = setInterval(sample, SAMPLED_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return { seen, ended: watched.filter((one) => !isSame(one)).map(({ name }) => name) };
    },
  };
}

/**
 * The least memory of each quarter: what is left after the garbage was collected.
 * @param {number[]} mib
 */
export function quartersOf(mib) {
  const bounds = [0, 1, 2, 3, 4].map((n) => Math.floor((n * mib.length) / 4));
  return bounds.slice(1).map((end, n) => Math.min(...mib.slice(bounds[n], Math.max(end, 1))));
}

/**
 * The first quarter is the warm-up.
 * @param {number[]} mib
 */
export function isFlat(mib) {
  const [, second = 0, , last = 0] = quartersOf(mib);
  return last <= second * (1 + MAY_GROW.share) + MAY_GROW.mib;
}
