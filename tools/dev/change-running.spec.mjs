import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeIn, isChange } from './change-running.mjs';

test('scale and restart are changes of what runs, other words are not', () => {
  assert.ok(isChange(['scale', 'catalog=3']) && isChange(['restart', 'catalog']));
  assert.ok(!isChange(['status']) && !isChange([]));
});

test('instances by service, of one or several', () => {
  assert.deepEqual(changeIn(['scale', 'catalog=3']), { scale: { catalog: 3 } });
  assert.deepEqual(changeIn(['scale', 'catalog=3', 'orders=1,inventory=10']), {
    scale: { catalog: 3, orders: 1, inventory: 10 },
  });
});

test('restart: services, or all that run', () => {
  assert.deepEqual(changeIn(['restart', 'catalog', 'orders']), { restart: ['catalog', 'orders'] });
  assert.deepEqual(changeIn(['restart', '--all']), { restart: 'all' });
});

/** @type {[words: string[], why: RegExp][]} */
const MISTAKES = [
  [['scale', 'catalogue=3'], /There is no service "catalogue": it is one of gateway, orders/],
  [['restart', 'catalogue'], /There is no service "catalogue": it is one of gateway, orders/],
  [['scale', 'payment-provider=2'], /There is no service "payment-provider"/],
  [['scale', 'catalog=0'], /scale catalog=0: say catalog=1 to catalog=10/],
  [['scale', 'catalog=100'], /scale catalog=100: say catalog=1 to catalog=10/],
  [['scale', 'catalog=-1'], /say catalog=1 to/],
  [['scale', 'catalog'], /say catalog=1 to/],
  [['scale'], /scale: name services with their instances/],
  [['restart'], /restart: name services/],
  [['restart', 'catalog', '--all'], /restart: name services/],
];

for (const [words, why] of MISTAKES)
  test(`${words.join(' ')} is a mistake that is told`, () => {
    assert.throws(() => changeIn(words), why);
  });
