import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { watchSources } from './source-watch.mjs';

/** @type {string} */
let folder;
/** @type {ReturnType<typeof watchSources>} */
let watcher;
/** @type {string[]} */
let told;
/** @type {(() => void) | undefined} */
let waiting;

/** @param {string} name */
const file = (name) => path.join(folder, name);
/** @returns {Promise<void>} */
const next = () => new Promise((resolve) => void (waiting = resolve));

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-watch-'));
  for (const name of ['a.ts', 'a.spec.ts', 'b.sql']) fs.writeFileSync(file(name), '');
  told = [];
  watcher = watchSources([folder], (changed) => {
    told.push(path.basename(changed));
    waiting?.();
  });
  await once(watcher, 'ready');
});

afterEach(async () => {
  await watcher.close();
  fs.rmSync(folder, { recursive: true });
});

test('a file that is replaced by rename is seen each time', async () => {
  for (let time = 0; time < 5; time++) {
    const changed = next();
    fs.writeFileSync(file('.a.ts.swap'), String(time));
    fs.renameSync(file('.a.ts.swap'), file('a.ts'));
    await changed;
  }
  assert.deepEqual(told, ['a.ts', 'a.ts', 'a.ts', 'a.ts', 'a.ts']);
});

test('a file of a new folder is seen, and what is written in place', async () => {
  let changed = next();
  fs.mkdirSync(file('new'));
  fs.writeFileSync(file('new/c.ts'), '1');
  await changed;
  changed = next();
  fs.writeFileSync(file('b.sql'), 'select 1');
  await changed;
  assert.deepEqual(told, ['c.ts', 'b.sql']);
});

test('specs are not loaded, so they are not told of', async () => {
  const changed = next();
  fs.writeFileSync(file('a.spec.ts'), '1');
  fs.writeFileSync(file('README.md'), '1');
  fs.writeFileSync(file('b.sql'), '1');
  await changed;
  assert.deepEqual(told, ['b.sql']);
});
