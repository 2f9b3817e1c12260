// Chance that can be repeated: the same seed gives the same numbers, everywhere.
import { createHash } from 'node:crypto';

/** @param name the purpose of the numbers: two uses of a seed are independent */
export function randomOf(seed, name) {
  let drawn = 0;
  /** From 0 up to, not including, 1. */
  const next = () =>
    createHash('sha256').update(`${seed} ${name} ${drawn++}`).digest().readUIntBE(0, 6) / 2 ** 48;
  const below = (n) => Math.floor(next() * n);
  const pick = (list) => list[below(list.length)];
  const shuffled = (list) =>
    list
      .map((item) => [next(), item])
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  return { next, below, pick, shuffled };
}
