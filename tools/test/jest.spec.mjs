// The reporter of the specs, and the files that a line of `npx jest` asks for.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Environment from './jest-environment.cjs';
import Reporter from './jest-reporter.cjs';
import selection from './jest-selection.cjs';

/** @import { TestContext } from 'node:test' */

const FILE = '/somewhere/blocked.spec.ts';
const YOUNG = '/somewhere/young.spec.ts';
const LONG_AGO = -Infinity;
const NONE = {
  numPassingTests: 0,
  numFailingTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  perfStats: { start: 0, end: 0 },
};

describe('the reporter of the specs', () => {
  /** @type {InstanceType<typeof Reporter>} */
  let reporter;
  /** @type {string} */
  let told;
  const { NODE_OPTIONS } = process.env;

  beforeEach(() => {
    told = '';
    reporter = new Reporter();
  });
  afterEach(() => {
    reporter.onRunComplete();
    process.env.NODE_OPTIONS = NODE_OPTIONS ?? '';
  });
  /** @param {TestContext} test */
  const listening = (test) =>
    test.mock.method(console, 'log', (/** @type {string} */ text) => (told += `${text}\n`));

  it('ends the process of a file that takes too long, and that one alone', async (test) => {
    listening(test);
    const blocked = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    const ended = once(blocked, 'exit');
    fs.writeFileSync(Environment.noteOf(reporter.processes, FILE), String(blocked.pid));
    reporter.onTestCaseStart({ path: FILE }, { fullName: 'it blocks' });
    reporter.running.set(FILE, LONG_AGO).set(YOUNG, performance.now());
    reporter.endOverdue();
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    reporter.onTestResult(
      { path: FILE },
      { ...NONE, testExecError: new Error('a worker was terminated') },
    );
    assert.match(told, /blocked\.spec\.ts {2}0 passed, 1 failed/);
    assert.match(told, /Nothing ended in it for .*: its process was ended, at "it blocks"/);
    assert.deepEqual([...reporter.running.keys()], [YOUNG]);
  });

  it('lets a file run whose tests go on', (test) => {
    listening(test);
    reporter.running.set(FILE, LONG_AGO).set(YOUNG, LONG_AGO);
    reporter.onTestCaseStart({ path: FILE }, { fullName: 'it begins' });
    reporter.onTestCaseResult(
      { path: YOUNG },
      { ancestorTitles: [], title: 'it ends', status: 'passed', failureMessages: [] },
    );
    reporter.endOverdue();
    assert.deepEqual([...reporter.overdue], []);
  });

  it('has no bound for who stands at a breakpoint', () => {
    reporter.onRunStart();
    assert.ok(reporter.watch);
    process.env.NODE_OPTIONS = '--inspect=0';
    const inspected = new Reporter();
    inspected.onRunStart();
    assert.equal(inspected.watch, undefined);
    inspected.onRunComplete();
  });

  it('shows what a spec writes to the console, and where', (test) => {
    listening(test);
    const origin = `    at ${path.resolve(import.meta.dirname, '../../libs/some.spec.ts')}:3:9\n    at other.ts:1:1`;
    reporter.onTestResult(
      { path: FILE },
      { ...NONE, console: [{ type: 'log', message: 'two\nlines', origin }] },
    );
    assert.ok(told.includes('  console.log libs/some.spec.ts:3:9\n    two\n    lines\n'), told);
  });
});

describe('--selectProjects', () => {
  const names = ['orders', 'parley-grpc'];

  it('leaves words that name no project to be patterns', () => {
    assert.deepEqual(
      selection.patternsOf(['--selectProjects', 'orders', 'order.store', '--verbose', 'x'], names),
      ['order.store'],
    );
    assert.deepEqual(
      selection.patternsOf(['--selectProjects', 'orders', 'parley-grpc'], names),
      [],
    );
    assert.deepEqual(selection.patternsOf(['order.store'], names), []);
  });

  it('finds the specs that match one of them', () => {
    const { testRegex } = selection.specsIn('/a/apps/orders', [
      'order.store',
      'apps/orders/src/saga',
    ]);
    /** @param {string} file */
    const found = (file) => testRegex?.some((regex) => new RegExp(regex).test(file));
    const files = [
      'order.store.int.spec.ts',
      'saga.spec.ts',
      'orders.spec.ts',
      'order.store.ts',
    ].map((name) => `/a/apps/orders/src/${name}`);
    assert.deepEqual(files.map(found), [true, true, false, false]);
    assert.deepEqual(selection.specsIn('/a', []), { testMatch: ['<rootDir>/src/**/*.spec.ts'] });
  });
});
