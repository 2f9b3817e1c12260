// Long files first, so that at the end of a run no worker waits for another. Jest knows how long a
// file took in an earlier run only; before it there is none, it goes by the size of files.
import exported from '@jest/test-sequencer';
import { LONG_SPECS } from './spec-sets.mjs';

/** The class, which its types describe as CommonJS has it: a property of what is exported. */
const Sequencer = /** @type {typeof exported.default} */ (/** @type {unknown} */ (exported));
/** Files with few lines that run suites of many tests. */
const SUITES = /\.(?:conformance|e2e)\./;
const LONG = Object.keys(LONG_SPECS);

/** @param {{ readonly path: string }} test */
const isLong = ({ path }) => SUITES.test(path) || LONG.some((file) => path.endsWith(file));

export default class LongFirst extends Sequencer {
  /** @param {Parameters<InstanceType<typeof Sequencer>['sort']>[0]} tests */
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
}
