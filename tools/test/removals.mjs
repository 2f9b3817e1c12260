// npm run removals [-- name …]: takes one safeguard at a time out of a scratch copy of the sources
// and runs the conformance tests that should notice, on memory. Prints which named tests went red;
// exits 1 when a removal goes unnoticed. node tools/test/removals.mjs --check: only whether every
// removal still fits the sources (npm run lint asks).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';
import { checkChanges, ScratchCopy } from './scratch-copy.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));
const KIT = 'libs/parley/messaging/src';
const SPEC = 'transports/memory/src/memory.conformance.spec';
const DELIVER = 'readonly deliver = (delivery: Delivery): Promise<Outcome> =>';

/** @typedef {{ file: string, text: string, instead: string, tests: readonly string[] }} Removal */

/**
 * `text` is replaced by `instead`; `tests` are the promises that depend on it.
 * @type {Readonly<Record<string, Removal>>}
 */
const REMOVALS = {
  'inbox check': {
    file: `${KIT}/delivery/settlement.ts`,
    text: 'throw new AlreadyHandledError(envelope.id);\n    this.passes',
    instead: 'return;\n    this.passes',
    tests: ['T33', 'T29'],
  },
  outbox: {
    file: `${KIT}/sending/publisher.ts`,
    text: 'stored.push(this.storeOrThrow().outbox.add(tx, relayed))',
    instead: 'stored.push(this.now(relayed))',
    tests: ['T30', 'T31'],
  },
  'acknowledgement after the commit': {
    file: `${KIT}/delivery/pipeline.ts`,
    text: DELIVER,
    instead: `readonly deliver = async (delivery: Delivery): Promise<Outcome> => {
    void this.later(delivery);
    return { kind: 'done', settled: false };
  };

  private readonly later = (delivery: Delivery): Promise<Outcome> =>`,
    tests: ['T10', 'T16', 'T43'],
  },
  'order per key': {
    file: `${KIT}/delivery/lane-guard.ts`,
    text: 'envelope.partitionkey !== undefined && !supports.retry',
    instead: 'envelope.partitionkey === null && !supports.retry',
    tests: ['T11', 'T10'],
  },
  'dead-letter write': {
    file: `${KIT}/delivery/failed-message-store.ts`,
    text: 'this.store!.lanes.deadLetter(tx, parkable(delivery), failure, hold)',
    instead: 'Promise.resolve(void tx)',
    tests: ['T22', 'T24', 'T27'],
  },
  drain: {
    file: `${KIT}/messaging.ts`,
    text: 'return this.parts.inFlight.drained(milliseconds);',
    instead: 'return Promise.resolve(milliseconds >= 0);',
    tests: ['T42'],
  },
};

/**
 * @param {string} name
 * @returns {Removal}
 */
function removalOf(name) {
  const removal = REMOVALS[name];
  if (!removal) throw new Error(`there is no removal "${name}"`);
  return removal;
}

/** @param {string} name */
const changeOf = (name) => ({ name, ...removalOf(name) });

function check() {
  const names = Object.keys(REMOVALS);
  checkChanges(names.map(changeOf));
  console.log(`${names.length} removals fit the sources`);
}

/** @typedef {{ status: string, ancestorTitles: string[], title: string }} TestResult */

/**
 * Runs the promises' tests: the names of those that passed and of those that did not.
 * @param {string} copy
 * @param {readonly string[]} tests
 */
function tried(copy, tests) {
  const output = path.join(copy, 'result.json');
  fs.rmSync(output, { force: true });
  const flags = [
    '--config',
    'jest.config.js',
    '--runInBand',
    '--forceExit',
    '--silent',
    '--json',
    '--outputFile',
    output,
  ];
  const which = ['--testPathPatterns', SPEC, '--testNamePattern', `\\((${tests.join('|')})\\)`];
  // A folder for the results: without one the suites try only what is fast. No test here needs the
  // PostgreSQL.
  const env = {
    ...process.env,
    CONFORMANCE_REPORT: copy,
    PARLEY_TEST_POSTGRES: 'postgres://nobody@nowhere/none',
    PARLEY_TEST_MAY_TAKE_MS: '600000',
  };
  const { stderr } = spawnSync(
    process.execPath,
    ['node_modules/jest/bin/jest.js', ...flags, ...which],
    { cwd: copy, env, encoding: 'utf8' },
  );
  if (!fs.existsSync(output)) throw new Error(`Jest broke down: ${stderr}`);
  /** @type {{ testResults: { assertionResults: TestResult[] }[] }} */
  const { testResults } = JSON.parse(fs.readFileSync(output, 'utf8'));
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  /** @param {string} status */
  const named = (status) =>
    results
      .filter((result) => result.status === status)
      .map(({ ancestorTitles, title }) => `${ancestorTitles.at(-1)?.split(' ')[0]}: ${title}`);
  return { passed: named('passed'), failed: named('failed') };
}

/** @param {readonly string[]} names */
function report(names) {
  const copy = new ScratchCopy();
  try {
    const whole = tried(copy.folder, [...new Set(names.flatMap((name) => removalOf(name).tests))]);
    if (whole.failed.length > 0 || whole.passed.length === 0)
      throw new Error(
        `with nothing removed, these are red: ${whole.failed.join(', ') || 'no test ran'}`,
      );
    console.log(
      `nothing removed: ${whole.passed.length} tests, all green\n\n| removed | goes red |\n|---|---|`,
    );
    return names.map((name) => {
      const { failed } = copy.with(changeOf(name), () => tried(copy.folder, removalOf(name).tests));
      console.log(`| ${name} | ${failed.join('<br>') || '**nothing**'} |`);
      return failed.length > 0;
    });
  } finally {
    copy.remove();
  }
}

const HELP = `npm run removals [-- name …]      removes one safeguard at a time from a copy of the sources: which conformance tests notice

  names      ${Object.keys(REMOVALS).join(', ')}; without any: all
  --check    only whether every removal still fits the sources (part of npm run lint)
  --help

Exits with 1 when a removal goes unnoticed.`;

const { values, positionals: wanted } = commandLine(HELP, {
  options: { check: { type: 'boolean' } },
  allowPositionals: true,
});
const unknown = wanted.find((name) => !(name in REMOVALS));
if (unknown) {
  console.error(`"${unknown}" is no removal; there are: ${Object.keys(REMOVALS).join(', ')}`);
  process.exitCode = 2;
} else if (values.check) check();
else
  process.exitCode = report(wanted.length ? wanted : Object.keys(REMOVALS)).every(Boolean) ? 0 : 1;
