import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { cpuSeconds, timesIn, withDescendants } from './cpu.mjs';
import { allows } from './peers.mjs';
import { interleaved } from './rounds.mjs';
import { median, quantile, ratios, summary } from './statistics.mjs';

test('a median is the middle number, or the mean of the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 9, 2]), 5.5);
  assert.equal(median([]), NaN);
});

test('a summary has the least, the middle and the most, in the order of numbers', () => {
  assert.deepEqual(summary([100, 9, 20]), { median: 20, least: 9, most: 100 });
});

test('a share of the numbers lies below its quantile', () => {
  const numbers = Array.from({ length: 100 }, (_, n) => 100 - n);
  assert.equal(quantile(numbers, 0.5), 51);
  assert.equal(quantile(numbers, 0.99), 100);
  assert.equal(quantile([7], 0.99), 7);
});

test('ratios compare the same round, and leave out a round that one of both lacks', () => {
  assert.deepEqual(ratios([2, undefined, 9, 8], [1, 5, 3]), [2, 3]);
});

test('contestants take turns in every round', () => {
  const order = interleaved(2, ['A', 'B', 'C']).map(
    ({ round, contestant }) => `${contestant}${round}`,
  );
  assert.deepEqual(order, ['A0', 'B0', 'C0', 'A1', 'B1', 'C1']);
});

test('a line of /proc tells ticks, also of children that ended, whatever the name of the process', () => {
  const rest = 'S 7 9 9 0 -1 4194304 1 2 3 4 10 20 300 4000 20 0 1 0 5 6 7';
  assert.deepEqual(timesIn(`42 (a) b (c) ${rest}`), { pid: 42, parent: 7, ticks: 4330 });
});

test('the CPU of a process is that of all its descendants, and of nobody else', () => {
  const all = [
    { pid: 4, parent: 3, ticks: 400 },
    { pid: 1, parent: 0, ticks: 1 },
    { pid: 2, parent: 1, ticks: 100 },
    { pid: 3, parent: 2, ticks: 200 },
    { pid: 5, parent: 1, ticks: 9 },
  ];
  assert.deepEqual(
    withDescendants([2], all).map(({ pid }) => pid),
    [4, 2, 3],
  );
  assert.equal(cpuSeconds([2], all), 7);
});

test('the CPU of a child counts after its end, too', { skip: process.platform !== 'linux' }, () => {
  const before = cpuSeconds([process.pid]);
  const busy = 'const end = performance.now() + 300; while (performance.now() < end);';
  const { status } = spawnSync(process.execPath, ['-e', busy]);
  assert.equal(status, 0);
  assert.ok(cpuSeconds([process.pid]) > before);
});

for (const [version, range, allowed] of /** @type {const} */ ([
  ['v20.20.2', '>=22.18.0', false],
  ['v22.18.0', '>=22.18.0', true],
  ['v24.1.0', '>= 22.x.x', true],
  ['v20.20.2', '>= 22.x.x', false],
  ['v22.21.9', '>= 22.22.0 || >= 24.6.0', false],
  ['v24.6.0', '>= 22.22.0 || >= 24.6.0', true],
  ['v22.23.0', '>= 22.22.0 || >= 24.6.0', true],
  ['v24.6.0', '22', false],
  ['v24.6.0', undefined, true],
]))
  test(`Node ${version} ${allowed ? 'is enough' : 'does not do'} for ${range ?? 'a package that names none'}`, () => {
    assert.equal(allows(version, range), allowed);
  });
