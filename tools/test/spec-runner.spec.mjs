// The runner of specs for Stryker: it must tell a red test from a green one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';

/** Stryker's enum `TestStatus`: numbers. */
const STATUS = ['Success', 'Failed', 'Skipped'];

/** @type {string} */
let folder;
before(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-spec-runner-'))));
after(() => fs.rmSync(folder, { recursive: true }));

/**
 * The tests of a spec as Stryker gets them, in a process that has no other runner of tests.
 * @param {string} spec
 * @returns {{ status: string, reason?: string, tests: { name: string, status: number }[] }}
 */
function dryRun(spec) {
  const file = path.join(folder, 'some.spec.ts');
  fs.writeFileSync(file, spec);
  const script = `
    const { SpecRunner } = await import('./tools/test/spec-runner.mjs');
    const ran = await new SpecRunner({ specs: [${JSON.stringify(file)}] }).dryRun();
    // As messages of Stryker come.
    process.nextTick(() => {
      console.log(JSON.stringify(ran));
      process.exit();
    });`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout);
}

it('a red test keeps Stryker from breaking anything: it would count as noticing each mutant', () => {
  const { status, tests } = dryRun(`
    it('green', () => expect(1).toBe(1));
    it.each([2])('red', async (n) => expect(n).toBe(1));
    it.skip('skipped', () => undefined);`);
  assert.equal(status, 'complete');
  assert.deepEqual(
    tests.map(({ name, status }) => [name.split(' ').at(-1), STATUS[status]]),
    [
      ['green', 'Success'],
      ['red', 'Failed'],
      ['skipped', 'Skipped'],
    ],
  );
});

it('a test that waits in vain ends, and its process hears Stryker although the test replaced timers', () => {
  const { status, reason } = dryRun(`
    it('waits', () => {
      jest.useFakeTimers();
      return new Promise(() => {});
    });`);
  assert.equal(status, 'timeout');
  assert.match(reason ?? '', /waits$/);
});

it('a slow test is green: a busy machine exceeds the time that it allows itself', () => {
  const { tests } = dryRun(`
    it('slow', () => new Promise((resolve) => setTimeout(resolve, 50)), 1);`);
  assert.deepEqual(
    tests.map(({ status }) => STATUS[status]),
    ['Success'],
  );
});
