// Runs specs for Stryker, many mutants in one process: the specs are loaded once, and each mutant
// runs the tests that reach it. Jest would load Nest and the kit again for each mutant, which takes
// longer than the tests. The parts are Jest's own: circus, expect, mocks and timers.
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @import { InstrumenterContext } from '@stryker-mutator/api/core' */
/** @import { MutantRunOptions } from '@stryker-mutator/api/test-runner' */
/** @import { Event, State } from 'jest-circus' */
/** @typedef {typeof import('jest-circus')} Circus */
/** @typedef {State['rootDescribeBlock']} Block */
/** @typedef {Extract<Block['children'][number], { type: 'test' }>} Test */
/** @typedef {{ test: Test, id: string, mode: Test['mode'] }} Known */
/** @typedef {'test_start' | 'test_done'} OfTest */
/** @typedef {typeof globalThis & { __stryker__?: InstrumenterContext }} Instrumented */
/**
 * The loader of modules, with what of it has no types.
 * @typedef {object} Loader
 * @property {Record<string, (module: Compiling, filename: string) => void>} _extensions
 * @property {(name: string, ...rest: unknown[]) => string} _resolveFilename
 */
/** @typedef {{ _compile: (code: string, filename: string) => void }} Compiling */

/** @type {Instrumented} */
const shared = globalThis;
const loader = /** @type {Loader} */ (/** @type {unknown} */ (Module));

/**
 * A test that lets so many turns of the event loop pass waits for something that never comes. Turns,
 * not time: on a busy machine they take longer, as all that the test waits for.
 */
const MOST_TURNS = 120;
const TURN_MS = 25;
/** Longer than any test: turns end it, and no limit of its own, which a busy machine exceeds. */
const NEVER_MS = 2 ** 31 - 1;
/** Rejections of a test that has failed come now, not during the next mutant. */
const AFTERMATH_MS = 20;
/** As long as no test replaces them. */
const { setInterval, clearInterval } = globalThis;

/**
 * `require('./file.ts')` and the aliases of tsconfig.base.json.
 * @param {NodeJS.Require} require
 */
function understandTypeScript(require) {
  const { transformSync } = require('@swc/core');
  const { forSwc, root } = /** @type {typeof import('../build/aliases.cjs')} */ (
    require('./tools/build/aliases.cjs')
  );
  const { $schema: _, ...swcrc } = JSON.parse(fs.readFileSync('.swcrc', 'utf8'));
  loader._extensions['.ts'] = (module, filename) => {
    const source = fs.readFileSync(filename, 'utf8');
    const options = { ...swcrc, swcrc: false, sourceMaps: false, filename };
    module._compile(transformSync(source, options).code, filename);
  };
  const { _resolveFilename: usual } = loader;
  loader._resolveFilename = function (name, ...rest) {
    const [file] = Object.hasOwn(forSwc.paths, name) ? (forSwc.paths[name] ?? []) : [];
    return usual.call(this, file ? path.join(root, file) : name, ...rest);
  };
}

/**
 * `jest` of the specs: what they use of it.
 * @param {NodeJS.Require} require
 */
function jestOf(require) {
  const { ModuleMocker } = require('jest-mock');
  const { ModernFakeTimers } = require('@jest/fake-timers');
  const mocker = new ModuleMocker(globalThis);
  const timers = new ModernFakeTimers({
    config: /** @type {ConstructorParameters<typeof ModernFakeTimers>[0]['config']} */ ({
      fakeTimers: {},
      rootDir: process.cwd(),
    }),
    global: globalThis,
  });
  return {
    fn: mocker.fn.bind(mocker),
    spyOn: mocker.spyOn.bind(mocker),
    useFakeTimers: (/** @type {Parameters<typeof timers.useFakeTimers>[0]} */ options) =>
      timers.useFakeTimers(options),
    useRealTimers: () => timers.useRealTimers(),
    advanceTimersByTime: (/** @type {number} */ ms) => timers.advanceTimersByTime(ms),
    advanceTimersByTimeAsync: (/** @type {number} */ ms) => timers.advanceTimersByTimeAsync(ms),
    getTimerCount: () => timers.getTimerCount(),
  };
}

/** Stryker's enum `TestStatus`. With a failed test it breaks nothing: it would count as noticing all. */
const [SUCCESS, FAILED, SKIPPED] = [0, 1, 2];
/** @param {Test} test */
const statusOf = ({ errors, status }) =>
  errors.length > 0 ? FAILED : status === 'skip' ? SKIPPED : SUCCESS;

/** @param {Block | Test} child */
const isTest = (child) => child.type === 'test';

/**
 * `describe` blocks from the outermost, then the test.
 * @param {Test} test
 */
const nameOf = (test) => {
  const names = [test.name];
  for (let block = test.parent; block?.parent; block = block.parent) names.unshift(block.name);
  return names.join(' ');
};

/** An object of Stryker's interface `TestRunner`. */
export class SpecRunner {
  static inject = ['options'];

  /** @type {readonly string[]} */
  #specs;
  /** @type {Circus | undefined} */
  #circus;
  /** @type {Known[]} */
  #tests = [];
  /** Stryker's own: which mutant is active, and what was reached. */
  #mutants = (shared.__stryker__ ??= {});
  /** @type {Test | undefined} */
  #running;
  /** Turns of the event loop since something happened in the test that runs. */
  #turns = 0;
  /** A test that waits could disturb the next mutant: a new process, then. */
  #isSoiled = false;

  /** @param {{ specs: readonly string[] }} options */
  constructor({ specs }) {
    this.#specs = specs;
  }

  capabilities() {
    return { reloadEnvironment: false };
  }

  async dryRun() {
    const ran = await this.#run(this.#load());
    if (this.#isSoiled) return { status: 'timeout', reason: this.#mutants.currentTestId };
    const tests = ran.map(({ test, id }) => ({
      id,
      name: id,
      timeSpentMs: test.duration ?? 0,
      status: statusOf(test),
      failureMessage: messageOf(test),
    }));
    return { status: 'complete', tests, mutantCoverage: this.#mutants.mutantCoverage };
  }

  /** @param {Pick<MutantRunOptions, 'activeMutant' | 'testFilter' | 'hitLimit' | 'mutantActivation'>} options */
  async mutantRun({ activeMutant: { id }, testFilter, hitLimit, mutantActivation }) {
    if (this.#isSoiled) throw new Error('a test still waits in this process');
    const mutants = this.#mutants;
    if (mutantActivation === 'static') mutants.activeMutant = id;
    let all;
    try {
      all = this.#load();
    } catch (error) {
      return {
        status: 'killed',
        killedBy: [],
        failureMessage: /** @type {Error} */ (error).message,
        nrOfTests: 0,
      };
    }
    const chosen = testFilter ? all.filter((one) => testFilter.includes(one.id)) : all;
    Object.assign(mutants, { activeMutant: id, hitLimit, hitCount: hitLimit && 0 });
    const ran = await this.#run(chosen);
    const failed = ran.find(({ test }) => test.errors.length);
    if (failed) await sleep(AFTERMATH_MS);
    mutants.activeMutant = undefined;
    const nrOfTests = ran.length;
    if (hitLimit !== undefined && Number(mutants.hitCount) > hitLimit)
      return { status: 'timeout', reason: 'it goes on for ever' };
    if (!failed && !this.#isSoiled) return { status: 'survived', nrOfTests };
    const [killer, failureMessage] = failed
      ? [failed.id, messageOf(failed.test)]
      : [mutants.currentTestId, 'it waits for something that never comes'];
    return { status: 'killed', killedBy: killer ? [killer] : [], failureMessage, nrOfTests };
  }

  #load() {
    if (this.#circus) return this.#tests;
    const require = createRequire(path.resolve('package.json'));
    understandTypeScript(require);
    const circus = /** @type {Circus} */ (require('jest-circus'));
    this.#circus = circus;
    const { describe, it, test, beforeAll, beforeEach, afterAll, afterEach } = circus;
    Object.assign(globalThis, { describe, it, test, beforeAll, beforeEach, afterAll, afterEach });
    Object.assign(globalThis, {
      expect: require('@jest/expect').jestExpect,
      jest: jestOf(require),
    });
    for (const spec of this.#specs) describe(spec, () => void require(path.resolve(spec)));
    /** @param {unknown} error */
    const fail = (error) => this.#running?.errors.push(error);
    process.on('unhandledRejection', fail).on('uncaughtException', fail);
    circus.getState().testTimeout = NEVER_MS; // of hooks
    circus.addEventHandler((event) => this.#notice(event));
    this.#tests = this.#testsIn(circus.getState().rootDescribeBlock);
    return this.#tests;
  }

  /**
   * @param {Block} block
   * @returns {Known[]}
   */
  #testsIn(block) {
    return block.children.flatMap((child) =>
      isTest(child) ? { test: child, id: nameOf(child), mode: child.mode } : this.#testsIn(child),
    );
  }

  /**
   * Up to the first that fails.
   * @param {Known[]} chosen
   */
  async #run(chosen) {
    const circus = /** @type {Circus} */ (this.#circus);
    const wanted = new Set(chosen.map(({ test }) => test));
    for (const { test, mode } of this.#tests) {
      const asked = wanted.has(test) ? mode : 'skip';
      Object.assign(test, { errors: [], status: null, mode: asked, timeout: NEVER_MS });
      test.unhandledRejectionErrorByPromise.clear();
    }
    this.#skipIdle(circus.getState().rootDescribeBlock);
    await this.#watched(circus.run());
    return chosen.filter(({ test }) => test.status);
  }

  /**
   * Until it ends, or a test waits too long.
   * @param {Promise<unknown>} run
   */
  async #watched(run) {
    this.#turns = 0;
    /** @type {NodeJS.Timeout | undefined} */
    let turning;
    const stuck = new Promise((resolve) => {
      turning = setInterval(() => ++this.#turns > MOST_TURNS && resolve(true), TURN_MS);
    });
    this.#isSoiled = await Promise.race([run.then(() => false), stuck]);
    clearInterval(turning);
    // Node hands messages over by `process.nextTick`: replaced, it would keep Stryker's from us.
    if (this.#isSoiled) globalThis.jest.useRealTimers();
  }

  /**
   * The hooks of a block without a test that is wanted do not run either.
   * @param {Block} block
   * @returns {boolean}
   */
  #skipIdle(block) {
    const inner = block.children.map((child) =>
      isTest(child) ? child.mode !== 'skip' : this.#skipIdle(child),
    );
    const isWanted = inner.includes(true);
    block.mode = isWanted ? undefined : 'skip';
    return isWanted;
  }

  /**
   * @param {{ name: OfTest, test: Test } | { name: Exclude<Event['name'], OfTest>, test?: Test }} event
   */
  #notice({ name, test }) {
    this.#turns = 0;
    if (name === 'test_start') this.#running = test;
    this.#mutants.currentTestId = this.#running && nameOf(this.#running);
    if (name !== 'test_done') return;
    this.#running = undefined;
    if (test.errors.length > 0 && this.#mutants.activeMutant !== undefined)
      for (const { test: other } of this.#tests) if (!other.status) other.mode = 'skip';
  }
}

/** @param {Test} test */
function messageOf({ errors: [first] }) {
  const error = Array.isArray(first) ? (first[0] ?? first[1]) : first;
  return String(error?.message ?? error ?? '');
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'specs', injectableClass: SpecRunner }];
