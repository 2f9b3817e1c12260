import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mebibytesIn, memoriesOf, mostResidentOf, residentOf } from './memory.mjs';

const skip = process.platform !== 'linux';

test('a line of /proc is read in MiB, and no other line that ends the same', () => {
  const text = 'SwapPss:  2048 kB\nPss:       3072 kB\nPss_Anon: 4096 kB\n';
  assert.equal(mebibytesIn(text, 'Pss'), 3);
  assert.equal(mebibytesIn(text, 'VmRSS'), undefined);
});

test(
  'a living process has memory, of which the most is no less; one that ended has none',
  { skip },
  () => {
    const now = residentOf(process.pid);
    assert.ok(now > 1);
    assert.ok(mostResidentOf(process.pid) >= now);
    assert.equal(residentOf(0), 0);
  },
);

test('memories are those of each instance, and their sum', { skip }, () => {
  const [orders, gone, all, ...rest] = memoriesOf({ orders: { pid: process.pid }, gone: {} });
  assert.equal(orders?.[0], 'orders');
  assert.deepEqual(gone, ['gone', 0]);
  assert.deepEqual(all, ['all of Node', orders?.[1]]);
  assert.deepEqual(rest, []);
});
