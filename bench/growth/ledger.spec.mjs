import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger, wrongInShares } from './ledger.mjs';

/** @param {number[]} numbers @param {string} [run] */
function told(numbers, run = 'this') {
  const ledger = new Ledger('this', 5);
  for (const n of numbers) ledger.note({ run, n }, n * 10);
  return ledger.told();
}

test('consumers that shared all messages are right, whoever handled which', () => {
  assert.deepEqual(wrongInShares([told([0, 3]), told([1, 2, 4])], 5), []);
});

test('a message that nobody handled is lost', () => {
  assert.deepEqual(wrongInShares([told([0, 3]), told([1, 4])], 5), ['1 of 5 messages lost']);
});

test('a message that two consumers handled is doubled, as one that the same handled again', () => {
  assert.deepEqual(wrongInShares([told([0, 1, 2, 3, 4]), told([2])], 5), ['1 handled twice']);
  assert.deepEqual(wrongInShares([told([0, 1, 2, 3, 4, 4])], 5), ['1 handled twice']);
});

test('a message of an earlier measurement is found, and counts for nothing', () => {
  const stray = told([3], 'earlier');
  assert.equal(stray.handled, 0);
  assert.deepEqual(wrongInShares([told([0, 1, 2, 3, 4]), stray], 5), [
    '1 of an earlier measurement handled again',
  ]);
});

test('the latest time is that of the last different message', () => {
  assert.equal(told([4, 1]).last, 10);
  assert.equal(told([1, 1]).last, 10);
});
