import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrongIn } from './measure.mjs';
import { order } from './order.mjs';
import { Tally } from './tally.mjs';

/** @param {number[]} numbers @param {string} [run] */
async function tallied(numbers, run = 'this') {
  const tally = new Tally({ run: 'this', count: 300, held: false });
  for (const n of numbers) await tally.handled(order(run, n));
  return tally;
}

const all = Array.from({ length: 300 }, (_, n) => n);

test('a contestant that handled each message once is right', async () => {
  const tally = await tallied(all);
  await tally.all;
  assert.deepEqual(wrongIn(tally.found, 300, true), []);
});

test('a lost message is found', async () => {
  const { found } = await tallied(all.slice(1));
  assert.deepEqual(wrongIn(found, 300, false), ['1 of 300 messages lost']);
});

test('a message that is handled twice is found, and does not count for another one', async () => {
  const { found } = await tallied([0, 0]);
  assert.deepEqual(wrongIn(found, 2, false), ['1 of 2 messages lost', '1 handled twice']);
});

test('a message of an earlier measurement is found', async () => {
  const { found } = await tallied([5], 'earlier');
  assert.deepEqual(wrongIn(found, 0, false), ['1 of an earlier measurement handled again']);
});

test('a swap within a key is found where the order of keys was promised', async () => {
  const { found } = await tallied([100, 0]);
  assert.deepEqual(wrongIn(found, 2, false), []);
  assert.deepEqual(wrongIn(found, 2, true), ['1 out of the order of their key']);
});

test('messages of different keys may overtake each other', async () => {
  const { found } = await tallied([1, 0]);
  assert.deepEqual(wrongIn(found, 2, true), []);
});

test('handlers wait until the measurement begins', async () => {
  const tally = new Tally({ run: 'this', count: 1, held: true });
  const handling = tally.handled(order('this', 0));
  await tally.first;
  assert.equal(tally.found.handled, 0);
  tally.go();
  await handling;
  assert.equal(tally.found.handled, 1);
});
