import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { harmDone, repair, spoil } from './faulty.mjs';

const CARD = 'tok_hangs';
/** @type {string} */
let dir;
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-faulty-'));
  fs.mkdirSync(path.join(dir, '.data'));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const isRepaired = () => fs.existsSync(path.join(dir, '.data', `${CARD}.repaired`));

test('a build does harm again after it was repaired, and counts it from zero', () => {
  spoil(dir, CARD);
  fs.writeFileSync(path.join(dir, '.data', `${CARD}.done`), '11\n12\n');
  repair(dir, CARD);
  assert.deepEqual([harmDone(dir, CARD), isRepaired()], [2, true]);
  spoil(dir, CARD);
  assert.deepEqual([harmDone(dir, CARD), isRepaired()], [0, false]);
});
