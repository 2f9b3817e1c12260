// A line for each file as it ends, what failed in full, and the sum at the very end: `N passed, N failed`.
const path = require('node:path');

const short = (file) => path.relative(path.join(__dirname, '..'), file);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

module.exports = class Reporter {
  onTestResult(_test, result) {
    const failed = result.numFailingTests || result.testExecError;
    const took = seconds(result.perfStats.end - result.perfStats.start);
    const count = failed ? `${result.numFailingTests} of ${result.testResults.length} failed` : `${result.numPassingTests} passed`;
    console.log(`${failed ? '✗' : '✓'} ${short(result.testFilePath)}  ${count}  ${took}`);
    if (failed) console.log(result.failureMessage);
  }

  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites }) {
    // A file that does not even load has no tests to count, and is a failure all the same.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const skipped = numPendingTests + numTodoTests;
    this.total = `${numPassedTests} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
    if (!process.env.PARLEY_TEST_TOTAL) console.log(this.total);
    else require('node:fs').writeFileSync(process.env.PARLEY_TEST_TOTAL, this.total);
  }
};
