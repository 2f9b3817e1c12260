import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEven, load, onlyLost, summaryOf } from './load.mjs';

/** @param {boolean} isRepeatable */
const question = (isRepeatable) => ({
  name: 'catalog.quote-price',
  isRepeatable,
  ask: async () => undefined,
});
const lost = (began = 10, isRepeatable = false, error = 'ReplyLostError') => ({
  question: question(isRepeatable),
  error,
  began,
});

test('a load asks in turn at its rate, and stops when everything is answered', async () => {
  /** @type {string[]} */
  const asked = [];
  let answer = () => undefined;
  const held = new Promise((resolve) => (answer = () => void resolve(undefined)));
  const one = { ...question(true), ask: async () => void asked.push('one') };
  const two = { ...question(false), ask: () => (asked.push('two'), held) };
  const running = load([one, two], 1_000);
  while (asked.length < 4) await new Promise((resolve) => setImmediate(resolve));
  const stopped = running.stop();
  assert.equal(await Promise.race([stopped, Promise.resolve('waits')]), 'waits');
  answer();
  const { sent, failures } = await stopped;
  assert.deepEqual([sent, failures], [asked.length, []]);
  assert.deepEqual(asked.slice(0, 4), ['one', 'two', 'one', 'two']);
});

test('failures are counted by error and by what may be repeated', async () => {
  const failing = { ...question(false), ask: () => Promise.reject(new RangeError('no')) };
  const running = load([failing], 1_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { sent, failures } = await running.stop();
  assert.equal(summaryOf(failures), `${sent} × RangeError of catalog.quote-price, not repeatable`);
  assert.equal(summaryOf([]), '0 failed');
});

test('of a killed instance only calls may fail that it had, that may not be repeated, and whose reply was lost', () => {
  assert.ok(onlyLost([], 10));
  assert.ok(onlyLost([lost(9), lost(10)], 10));
  assert.ok(!onlyLost([lost(11)], 10), 'sent to an instance that was gone');
  assert.ok(!onlyLost([lost(9), lost(9, true)], 10), 'may be repeated');
  assert.ok(!onlyLost([lost(9, false, 'OwnerUnavailableError')], 10), 'was not in flight on it');
});

test('shares are even within 5 % of the mean, of as many as there must be', () => {
  assert.ok(isEven([190, 200, 210], 3));
  assert.ok(!isEven([189, 201, 210], 3));
  assert.ok(!isEven([300, 300], 3));
  assert.ok(!isEven([200, 200, 200, 0], 3));
  assert.ok(!isEven([], 3));
});
