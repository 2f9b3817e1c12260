// npm test [-- pattern]: the specs of every project in one run of Jest, on one embedded PostgreSQL,
// those of tools and chaos in one of Node's own runner, and the type tests. Long specs run with
// --all, or when a pattern names them (spec-sets.mjs). The last line is the sum of all: `N passed,
// N failed`. With --again, files that failed are run once more, each by itself, when the others are
// through: what fails twice has failed, what passes then is named as unsteady.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { useTestPostgres } from '../database/test-postgres.mjs';
import { leftOut, LONG_SPECS, untried } from './spec-sets.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm test [-- options] [-- pattern …]      runs the fast specs and the type tests, or the specs whose path matches

  --all        the long specs, too, as CI does
  -t NAME      only the tests whose name matches
  --again      files that failed are run once more, each by itself, when the others are through
  --help       this; any other option is Jest's`;
if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
  console.log(HELP);
  process.exit(0);
}

const OURS = ['--all', '--again'];
const all = process.argv.includes('--all');
const again = process.argv.includes('--again');
const args = process.argv.slice(2).filter((argument) => !OURS.includes(argument));
/** Jest's own options or a pattern ask for some of its specs only, long ones among them. */
const isWhole = args.length === 0;
/** More of them are not unsteady, but broken. */
const UNSTEADY_AT_MOST = 5;
/** Processes for all specs at once: the long ones mostly wait, for time-outs and brokers. */
const WORKERS_FOR_ALL = 3;
const total = path.join(os.tmpdir(), `parley-test-total-${process.pid}`);

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => {
    for (const child of running) endGroup(child, signal);
  });

/**
 * Jest leaves its workers to themselves when it is stopped, and one may be blocked: the whole group
 * goes.
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // nobody left in it
  }
}

/**
 * @param {string} program
 * @param {readonly string[]} flags
 * @param {NodeJS.ProcessEnv} [env]
 * @returns whether it exited with 0
 */
async function run(program, flags, env = {}) {
  const child = spawn(process.execPath, [program, ...flags], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
    detached: true,
  });
  running.add(child);
  const [code] = await once(child, 'exit');
  endGroup(child, 'SIGKILL');
  running.delete(child);
  return code === 0;
}

/**
 * Sources must compile, and the marked lines of `*.test-d.ts` must not: the whole tree counts as
 * one test.
 */
async function types() {
  const ok = await run('tools/build/typecheck.mjs', []);
  console.log(`${ok ? '✓' : '✗'} types of the whole tree, type tests among them`);
  return ok;
}

/** Tools, benches and chaos are plain Node, and so are their specs. */
async function plainSpecs() {
  const files = ['tools', 'bench', 'chaos']
    .flatMap((folder) =>
      fs
        .readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.spec.mjs') && !name.startsWith('node_modules'))
        .map((name) => path.join(folder, name)),
    )
    .filter((file) => all || !Object.hasOwn(LONG_SPECS, file));
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = await text(child.stdout);
  /** @param {string} what */
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(output)?.[1] ?? 0);
  const [passed, failed] = [count('pass'), count('fail') + count('cancelled')];
  if (failed > 0 || passed === 0) console.log(output);
  console.log(`${failed === 0 ? '✓' : '✗'} ${files.join(', ')}  ${passed} passed`);
  return { passed, failed: failed || (passed === 0 ? 1 : 0) };
}

/**
 * A file in which something failed; `lines` has one for each of its tests that did.
 * @typedef {{ file: string, passed: number, failed: number, lines: string[] }} Failure
 */

/**
 * The counts of one run of Jest.
 * @typedef {object} Counted
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {Failure[]} failures
 */

/**
 * @param {readonly string[]} flags
 * @returns {Promise<Counted>}
 */
async function specs(flags) {
  const postgres = await useTestPostgres();
  try {
    const env = { PARLEY_TEST_POSTGRES: postgres.url, PARLEY_TEST_TOTAL: total };
    const ok = await run(
      'node_modules/jest/bin/jest.js',
      ['--config', 'jest.config.js', ...flags],
      env,
    );
    const counted = fs.existsSync(total)
      ? JSON.parse(fs.readFileSync(total, 'utf8'))
      : { passed: 0, failed: 0, skipped: 0, failures: [] };
    return ok || counted.failed > 0 ? counted : { ...counted, failed: 1 }; // without a failed test, Jest itself broke down
  } finally {
    fs.rmSync(total, { force: true });
    await postgres.release();
  }
}

/**
 * The sum after a second look at what failed.
 * @param {Counted} first
 * @returns {Promise<Counted>}
 */
async function secondLook(first) {
  let { passed, failed } = first;
  const failures = [];
  for (const one of first.failures) {
    console.log(`── again, by itself: ${one.file}`);
    const second = await specs(['--runInBand', '--forceExit', '--runTestsByPath', one.file]);
    passed += second.passed - one.passed;
    failed += second.failed - one.failed;
    failures.push(...second.failures);
    if (second.failed === 0)
      console.log(`unsteady: ${one.file} failed beside others, and passes by itself`);
  }
  return { ...first, passed, failed, failures };
}

// Types are checked beside the specs, which wait now and then for a database or a timer.
const checkingTypes = isWhole ? types() : undefined;
const plain = isWhole ? await plainSpecs() : { passed: 0, failed: 0 };
const ignored = isWhole ? leftOut(process.env, { all }) : [];
const first = await specs([
  ...(ignored.length > 0 ? [`--testPathIgnorePatterns=${ignored.join('|')}`] : args),
  ...(all ? [`--maxWorkers=${WORKERS_FOR_ALL}`] : []),
]);
const worthALook = again && first.failures.length > 0 && first.failures.length <= UNSTEADY_AT_MOST;
const typesOk = await checkingTypes;
const { passed, failed, skipped, failures } = worthALook ? await secondLook(first) : first;
const sums = {
  passed: passed + plain.passed + (typesOk ? 1 : 0),
  failed: failed + plain.failed + (typesOk === false ? 1 : 0),
};
if (isWhole) for (const line of untried(process.env, { all })) console.log(line);
for (const { file, lines } of failures)
  for (const line of lines) console.log(`✗ ${file} › ${line}`);
console.log(`${sums.passed} passed, ${sums.failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exitCode = sums.failed === 0 ? 0 : 1;
