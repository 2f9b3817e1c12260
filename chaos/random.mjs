// Chance that can be repeated: the same seed gives the same numbers, everywhere.
import { createHash } from 'node:crypto';

/** @typedef {ReturnType<typeof randomOf>} Random */

/**
 * @param {number} seed
 * @param {string} name the purpose of the numbers: two uses of a seed are independent
 */
export function randomOf(seed, name) {
  let drawn = 0;
  /** From 0 up to, not including, 1. */
  const next = () =>
    createHash('sha256').update(`${seed} ${name} ${drawn++}`).digest().readUIntBE(0, 6) / 2 ** 48;
  /** @param {number} n */
  const below = (n) => Math.floor(next() * n);
  /**
   * @template T
   * @param {readonly T[]} list with at least one item
   * @returns {T}
   */
  const pick = (list) => {
    const [item] = list.slice(below(list.length));
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  };
  /**
   * @template T
   * @param {readonly T[]} list
   */
  const shuffled = (list) =>
    list
      .map((item) => /** @type {const} */ ([next(), item]))
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  return { next, below, pick, shuffled };
}
