import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFlat, quartersOf } from './memory-watch.mjs';

/** @param {number} count @param {(n: number) => number} at */
const samples = (count, at) => Array.from({ length: count }, (_, n) => at(n));

test('of each quarter counts what is left after the garbage was collected', () => {
  assert.deepEqual(quartersOf([90, 80, 100, 85, 120, 86, 130, 88]), [80, 85, 86, 88]);
});

test('memory that rises and falls is flat, and so is a warm-up', () => {
  assert.equal(isFlat(samples(120, (n) => (n < 20 ? 60 + 2 * n : 100) + (n % 7) * 20)), true);
});

test('memory that grows by a MiB with each sample is not flat', () => {
  assert.equal(isFlat(samples(120, (n) => 100 + n)), false);
});
