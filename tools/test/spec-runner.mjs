// Runs specs for Stryker, many mutants in one process: the specs are loaded once, and each mutant
// runs the tests that reach it. Jest would load Nest and the kit again for each mutant, which takes
// longer than the tests. The parts are Jest's own: circus, expect, mocks and timers.
import fs from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A test that lets so many turns of the event loop pass waits for something that never comes. Turns,
 * not time: on a busy machine they take longer, as all that the test waits for.
 */
const MOST_TURNS = 120;
const TURN_MS = 25;
/** Longer than any test: turns end it. */
const NEVER_MS = 2 ** 31 - 1;
/** Rejections of a test that has failed come now, not during the next mutant. */
const AFTERMATH_MS = 20;
/** As long as no test replaces them. */
const { setInterval, clearInterval } = globalThis;

/** `require('./file.ts')` and the aliases of tsconfig.base.json. */
function understandTypeScript(require) {
  const { transformSync } = require('@swc/core');
  const { forSwc, root } = require('./tools/build/aliases.cjs');
  const { $schema: _, ...swcrc } = JSON.parse(fs.readFileSync('.swcrc', 'utf8'));
  Module._extensions['.ts'] = (module, filename) => {
    const source = fs.readFileSync(filename, 'utf8');
    const options = { ...swcrc, swcrc: false, sourceMaps: false, filename };
    module._compile(transformSync(source, options).code, filename);
  };
  const { _resolveFilename: usual } = Module;
  Module._resolveFilename = function (name, ...rest) {
    const [file] = Object.hasOwn(forSwc.paths, name) ? forSwc.paths[name] : [];
    return usual.call(this, file ? path.join(root, file) : name, ...rest);
  };
}

/** `jest` of the specs: what they use of it. */
function jestOf(require) {
  const { ModuleMocker } = require('jest-mock');
  const { ModernFakeTimers } = require('@jest/fake-timers');
  const mocker = new ModuleMocker(globalThis);
  const timers = new ModernFakeTimers({
    config: { fakeTimers: {}, rootDir: process.cwd() },
    global: globalThis,
  });
  return {
    fn: mocker.fn.bind(mocker),
    spyOn: mocker.spyOn.bind(mocker),
    useFakeTimers: (options) => timers.useFakeTimers(options),
    useRealTimers: () => timers.useRealTimers(),
    advanceTimersByTime: (ms) => timers.advanceTimersByTime(ms),
    advanceTimersByTimeAsync: (ms) => timers.advanceTimersByTimeAsync(ms),
    getTimerCount: () => timers.getTimerCount(),
  };
}

/** Stryker's enum `TestStatus`. With a failed test it breaks nothing: it would count as noticing all. */
const [SUCCESS, FAILED, SKIPPED] = [0, 1, 2];
const statusOf = ({ errors, status }) =>
  errors.length > 0 ? FAILED : status === 'skip' ? SKIPPED : SUCCESS;

const isTest = ({ type }) => type === 'test';

/** `describe` blocks from the outermost, then the test. */
const nameOf = (test) => {
  const names = [test.name];
  for (let block = test.parent; block?.parent; block = block.parent) names.unshift(block.name);
  return names.join(' ');
};

/** An object of Stryker's interface `TestRunner`. */
export class SpecRunner {
  static inject = ['options'];

  #specs;
  #circus;
  /** [{ test, id, mode }] */
  #tests = [];
  /** Stryker's own: which mutant is active, and what was reached. */
  #mutants = (globalThis.__stryker__ ??= {});
  #running;
  /** Turns of the event loop since something happened in the test that runs. */
  #turns = 0;
  /** A test that waits could disturb the next mutant: a new process, then. */
  #isSoiled = false;

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

  async mutantRun({ activeMutant: { id }, testFilter, hitLimit, mutantActivation }) {
    if (this.#isSoiled) throw new Error('a test still waits in this process');
    const mutants = this.#mutants;
    if (mutantActivation === 'static') mutants.activeMutant = id;
    let all;
    try {
      all = this.#load();
    } catch (error) {
      return { status: 'killed', killedBy: [], failureMessage: error.message, nrOfTests: 0 };
    }
    const chosen = testFilter ? all.filter((one) => testFilter.includes(one.id)) : all;
    Object.assign(mutants, { activeMutant: id, hitLimit, hitCount: hitLimit && 0 });
    const ran = await this.#run(chosen);
    const failed = ran.find(({ test }) => test.errors.length);
    if (failed) await sleep(AFTERMATH_MS);
    mutants.activeMutant = undefined;
    const nrOfTests = ran.length;
    if (mutants.hitCount > hitLimit) return { status: 'timeout', reason: 'it goes on for ever' };
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
    this.#circus = require('jest-circus');
    const { describe, it, test, beforeAll, beforeEach, afterAll, afterEach } = this.#circus;
    Object.assign(globalThis, { describe, it, test, beforeAll, beforeEach, afterAll, afterEach });
    globalThis.expect = require('@jest/expect').jestExpect;
    globalThis.jest = jestOf(require);
    for (const spec of this.#specs) describe(spec, () => void require(path.resolve(spec)));
    const fail = (error) => this.#running?.errors.push(error);
    process.on('unhandledRejection', fail).on('uncaughtException', fail);
    this.#circus.getState().testTimeout = NEVER_MS;
    this.#circus.addEventHandler((event) => this.#notice(event));
    this.#tests = this.#testsIn(this.#circus.getState().rootDescribeBlock);
    return this.#tests;
  }

  #testsIn(block) {
    return block.children.flatMap((child) =>
      isTest(child) ? { test: child, id: nameOf(child), mode: child.mode } : this.#testsIn(child),
    );
  }

  /** Up to the first that fails. */
  async #run(chosen) {
    const wanted = new Set(chosen.map(({ test }) => test));
    for (const { test, mode } of this.#tests) {
      Object.assign(test, { errors: [], status: null, mode: wanted.has(test) ? mode : 'skip' });
      test.unhandledRejectionErrorByPromise.clear();
    }
    this.#skipIdle(this.#circus.getState().rootDescribeBlock);
    await this.#watched(this.#circus.run());
    return chosen.filter(({ test }) => test.status);
  }

  /** Until it ends, or a test waits too long. */
  async #watched(run) {
    this.#turns = 0;
    let turning;
    const stuck = new Promise((resolve) => {
      turning = setInterval(() => ++this.#turns > MOST_TURNS && resolve(true), TURN_MS);
    });
    this.#isSoiled = await Promise.race([run.then(() => false), stuck]);
    clearInterval(turning);
  }

  /** The hooks of a block without a test that is wanted do not run either. */
  #skipIdle(block) {
    const inner = block.children.map((child) =>
      isTest(child) ? child.mode !== 'skip' : this.#skipIdle(child),
    );
    const isWanted = inner.includes(true);
    block.mode = isWanted ? undefined : 'skip';
    return isWanted;
  }

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

function messageOf({ errors: [first] }) {
  const error = Array.isArray(first) ? (first[0] ?? first[1]) : first;
  return String(error?.message ?? error ?? '');
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'specs', injectableClass: SpecRunner }];
