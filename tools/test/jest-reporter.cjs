// A line for each file as it ends, what failed in full, and the sum at the very end: `N passed, N
// failed`.
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const inspector = require('node:inspector');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { stripVTControlCharacters } = require('node:util');
const Environment = require('./jest-environment.cjs');

/** @import Sequencer from '@jest/test-sequencer' */
/** @import { Failure } from './test.mjs' */
/** @typedef {Parameters<Sequencer['cacheResults']>[1]['testResults'][number]} JestResult */
/** @typedef {JestResult['testResults'][number]} JestTest */
/** @typedef {{ readonly path: string }} SpecFile */
/**
 * Jest's result of a file, as far as it is read here.
 * @typedef {object} FileResult
 * @property {number} numPassingTests
 * @property {number} numFailingTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {Pick<JestResult['perfStats'], 'start' | 'end'>} perfStats
 * @property {readonly Pick<JestTest, 'status' | 'fullName' | 'failureMessages'>[]} testResults
 * @property {Pick<NonNullable<JestResult['testExecError']>, 'message'>} [testExecError]
 * @property {JestResult['console']} [console]
 * @property {JestResult['failureMessage']} [failureMessage]
 */

// A test has its own time limit, which cannot stop one that blocks its whole process: a process in
// which no test begins or ends for so long is ended, and the run goes on.
const TEST_MAY_TAKE_MS = Number(process.env.PARLEY_TEST_MAY_TAKE_MS ?? 360_000);
// Where a file takes minutes: a line for each of its tests as it ends.
const EACH_TEST = process.env.PARLEY_EACH_TEST === 'yes';
/** @type {Readonly<Record<string, string>>} */
const SIGNS = { passed: '✓', failed: '✗', pending: '—' };

/** @param {string} file */
const short = (file) => path.relative(path.join(__dirname, '../..'), file);
/** @param {string} text */
const indented = (text) => text.replace(/^/gm, '    ');
/** The line of a spec or source that wrote it, of all the lines on the way there. */
const placeIn = (origin = '') =>
  /\(?([^\s()]+:\d+:\d+)\)?/.exec(origin)?.[1]?.replace(`${path.join(__dirname, '../..')}/`, '') ??
  '';
/** @param {number} ms */
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

const firstLine = (text = '') => stripVTControlCharacters(text).trim().split('\n', 1)[0] ?? '';

/**
 * A line for each test that failed, with what it said first.
 * @param {Pick<FileResult, 'testResults' | 'testExecError'>} result
 */
const linesOf = ({ testResults, testExecError }) => [
  ...testResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages[0])}`),
  ...(testExecError ? [firstLine(testExecError.message)] : []),
];

/** Somebody may be standing at a breakpoint. */
const isInspected = () =>
  inspector.url() !== undefined ||
  /--inspect/.test(`${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`);

module.exports = class Reporter {
  passed = 0;
  failed = 0;
  skipped = 0;
  /**
   * File → when a test of it began or ended last.
   * @type {Map<string, number>}
   */
  running = new Map();
  /** @type {Failure[]} */
  failures = [];
  /** @type {Set<string>} */
  overdue = new Set();
  /**
   * File → the test it is at.
   * @type {Map<string, string>}
   */
  current = new Map();

  constructor() {
    // Before Jest starts its workers, which take it over with the rest of the environment.
    process.env.PARLEY_TEST_PROCESSES = this.processes = mkdtempSync(
      path.join(tmpdir(), 'parley-jest-'),
    );
  }

  onRunStart() {
    if (!isInspected()) this.watch = setInterval(() => this.endOverdue(), 1000);
  }

  /** @param {SpecFile} of */
  onTestFileStart({ path: file }) {
    this.running.set(file, performance.now());
  }

  /**
   * @param {SpecFile} of
   * @param {Pick<JestTest, 'fullName'>} test
   */
  onTestCaseStart({ path: file }, { fullName }) {
    this.running.set(file, performance.now());
    this.current.set(file, fullName);
  }

  /**
   * @param {SpecFile} of
   * @param {Pick<JestTest, 'ancestorTitles' | 'title' | 'status' | 'duration' | 'failureMessages'>} test
   */
  onTestCaseResult({ path: file }, { ancestorTitles, title, status, duration, failureMessages }) {
    this.running.set(file, performance.now());
    if (!EACH_TEST) return;
    console.log(
      `  ${SIGNS[status] ?? status} ${[...ancestorTitles, title].join(': ')}${duration ? `  ${seconds(duration)}` : ''}`,
    );
    for (const message of failureMessages) console.log(message);
  }

  /**
   * @param {SpecFile} of
   * @param {FileResult} result
   */
  onTestResult({ path: file }, result) {
    this.running.delete(file);
    this.passed += result.numPassingTests;
    // A file that does not even load has no tests to count, and is a failure all the same.
    const failed = result.numFailingTests + (result.testExecError ? 1 : 0);
    this.failed += failed;
    this.skipped += result.numPendingTests + result.numTodoTests;
    const took = seconds(result.perfStats.end - result.perfStats.start);
    console.log(
      `${failed ? '✗' : '✓'} ${short(file)}  ${result.numPassingTests} passed${failed ? `, ${failed} failed` : ''}  ${took}`,
    );
    for (const { type, message, origin } of result.console ?? [])
      console.log(`  console.${type} ${placeIn(origin)}\n${indented(message)}`);
    if (!failed) return;
    const overdue = this.overdue.has(file) && this.whyEnded(file);
    this.failures.push({
      file: short(file),
      passed: result.numPassingTests,
      failed,
      lines: overdue ? [overdue] : linesOf(result),
    });
    if (overdue) console.log(`  ${overdue}`);
    else if (!EACH_TEST || result.testExecError) console.log(result.failureMessage);
  }

  onRunComplete() {
    clearInterval(this.watch);
    rmSync(this.processes, { recursive: true, force: true });
    this.total();
  }

  endOverdue() {
    for (const [file, since] of this.running) {
      if (performance.now() - since <= TEST_MAY_TAKE_MS || this.overdue.has(file)) continue;
      this.overdue.add(file);
      const pid = this.processOf(file);
      if (pid === undefined || pid === process.pid) this.endRun(file);
      process.kill(pid, 'SIGKILL'); // Jest says of the file that it failed, and goes on with another worker
    }
  }

  /** @param {string} file */
  processOf(file) {
    try {
      return Number(readFileSync(Environment.noteOf(this.processes, file), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** @param {string} file */
  whyEnded(file) {
    const at = this.current.has(file) ? `, at "${this.current.get(file)}"` : '';
    return `Nothing ended in it for ${seconds(TEST_MAY_TAKE_MS)}: its process was ended${at}.`;
  }

  /**
   * With --runInBand there is no other process than this one.
   * @param {string} file
   * @returns {never}
   */
  endRun(file) {
    console.log(
      `✗ ${short(file)}  nothing ended in it for ${seconds(TEST_MAY_TAKE_MS)}: the run stops here`,
    );
    this.failed += 1;
    this.failures.push({
      file: short(file),
      passed: 0,
      failed: 1,
      lines: [this.whyEnded(file)],
    });
    this.onRunComplete();
    process.exit(1);
  }

  /** `npm test` adds the type check to it; a run of Jest alone says it here. */
  total() {
    const { passed, failed, skipped, failures } = this;
    if (process.env.PARLEY_TEST_TOTAL)
      writeFileSync(
        process.env.PARLEY_TEST_TOTAL,
        JSON.stringify({ passed, failed, skipped, failures }),
      );
    else console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  }
};
