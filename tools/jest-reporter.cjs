// A line for each file as it ends, what failed in full, and the sum at the very end: `N passed, N failed`.
const { writeFileSync } = require('node:fs');
const path = require('node:path');

// A test has its own time limit, which cannot stop one that blocks its whole process: such a file ends the run.
const FILE_MAY_TAKE = Number(process.env.PARLEY_FILE_MAY_TAKE ?? 240_000);
// Where a file takes minutes: a line for each of its tests as it ends.
const EACH_TEST = process.env.PARLEY_EACH_TEST === 'yes';
const SIGNS = { passed: '✓', failed: '✗', pending: '—' };

const short = (file) => path.relative(path.join(__dirname, '..'), file);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

module.exports = class Reporter {
  passed = 0;
  failed = 0;
  skipped = 0;
  running = new Map();
  failures = [];

  onRunStart() {
    this.watch = setInterval(() => this.endIfBlocked(), 1000);
  }

  onTestFileStart({ path: file }) {
    this.running.set(file, Date.now());
  }

  onTestCaseResult(_file, { ancestorTitles, title, status, duration, failureMessages }) {
    if (!EACH_TEST) return;
    console.log(`  ${SIGNS[status] ?? status} ${[...ancestorTitles, title].join(': ')}${duration ? `  ${seconds(duration)}` : ''}`);
    for (const message of failureMessages) console.log(message);
  }

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
    if (!failed) return;
    this.failures.push({ file: short(file), passed: result.numPassingTests, failed });
    if (!EACH_TEST || result.testExecError) console.log(result.failureMessage);
  }

  onRunComplete() {
    clearInterval(this.watch);
    this.total();
  }

  endIfBlocked() {
    const blocked = [...this.running].filter(([, since]) => Date.now() - since > FILE_MAY_TAKE).map(([file]) => file);
    if (!blocked.length) return;
    for (const file of blocked)
      console.log(`✗ ${short(file)}  did not end within ${seconds(FILE_MAY_TAKE)}: the run stops here`);
    this.failed += blocked.length;
    this.total();
    process.exit(1);
  }

  /** `npm test` adds the type check to it; a run of Jest alone says it here. */
  total() {
    const { passed, failed, skipped, failures } = this;
    if (process.env.PARLEY_TEST_TOTAL) writeFileSync(process.env.PARLEY_TEST_TOTAL, JSON.stringify({ passed, failed, skipped, failures }));
    else console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  }
};
