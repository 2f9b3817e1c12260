import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosenOf, stepsOf, withEarlier, withOtherBuild } from './chosen.mjs';

/** @import { Choosable } from './chosen.mjs' */

/** @param {string} name */
const contestant = (name) => ({ name, label: name, file: '', settings: '' });

/** @type {Choosable} */
const letters = {
  name: 'letters',
  works: [
    { name: 'send', what: '' },
    { name: 'read', what: '' },
  ],
  contestants: [
    contestant('parley'),
    contestant('pigeon'),
    { ...contestant('raven'), onlyWhenNamed: true },
  ],
};
const shop = { ...letters, name: 'shop', prepare: async () => undefined };

/** @param {{ only?: string, works?: string }} options */
function chosen(options) {
  const { contestants, works } = chosenOf(letters, options);
  return [...contestants, ...works].map(({ name }) => name).join(' ');
}

for (const [options, expected] of /** @type {const} */ ([
  [{}, 'parley pigeon send read'],
  [{ only: 'raven,parley' }, 'parley raven send read'],
  [{ only: 'read' }, 'parley pigeon read'],
  [{ only: 'pigeon,send' }, 'pigeon send'],
  [{ works: 'read' }, 'parley pigeon read'],
  [{ only: 'pigeon', works: 'send' }, 'pigeon send'],
]))
  test(`${JSON.stringify(options)} chooses ${expected}`, () => {
    assert.equal(chosen(options), expected);
  });

test('a name that is neither a contestant nor a work is refused with those that there are', () => {
  assert.throws(
    () => chosen({ only: 'owl' }),
    /^Mistake.*--only owl: there are parley, pigeon, raven, send, read\.$|--only owl: there are parley, pigeon, raven, send, read\./,
  );
  assert.throws(() => chosen({ works: 'pigeon' }), /--works pigeon: there are send, read\./);
});

test('steps are those of the chosen works, and only of modes that have some', () => {
  const heaps = [
    { name: 'heaps', what: '', steps: [1, 10] },
    { name: 'piles', what: '', steps: [5] },
  ];
  assert.equal(stepsOf(letters, heaps), undefined);
  assert.deepEqual(stepsOf(letters, heaps, '10,5'), [10, 5]);
  assert.throws(() => stepsOf(letters, heaps.slice(0, 1), '5'), /--steps 5: there are 1, 10\./);
  assert.throws(() => stepsOf(letters, letters.works, '5'), /mode letters has no steps/);
});

test('an earlier commit stands beside each shop', () => {
  const both = withEarlier(shop, [contestant('parley')], 'abc123');
  assert.deepEqual(
    both.map(({ name, label, against }) => [name, label, against]),
    [
      ['parley', 'parley', undefined],
      ['parley-against', 'parley, abc123', 'abc123'],
    ],
  );
});

test('an earlier commit is refused where the mode is not one of the shop', () => {
  assert.throws(() => withEarlier(letters, [], 'abc123'), /--against abc123: mode letters/);
});

test('another build is refused where the shop builds itself, and where there is none', () => {
  assert.throws(() => withOtherBuild(shop, [], '/nowhere'), /mode shop builds the shop itself/);
  assert.throws(() => withOtherBuild(letters, [], '/nowhere'), /there is no build of Parley/);
});
