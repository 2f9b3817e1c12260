// npm run e2e: starts the whole system as a newcomer would, on whatever technologies, lets happen
// to it what the end-to-end suite has in store, sends orders through it, stops it, and looks at
// what is left. Ends with `N passed, N failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Checks } from '../terminal/checks.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { isSame } from '../dev/process-tree.mjs';
import { readRun, RUN_FILE } from '../dev/run-file.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { ProcessIdentity } from '../dev/process-tree.mjs' */
/** @import { Run } from '../dev/run-file.mjs' */

/** @typedef {{ child: ChildProcess, exited: Promise<unknown[]> }} Launched */

/** @typedef {Partial<ProcessIdentity> & { name: string }} NamedProcess */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run e2e [-- options]    starts the whole system, runs the end-to-end suite and orders through it, stops it
  --on a,b          what carries messages instead of PostgreSQL, as for npm start; repeated: one after the other
                    (postgres: PostgreSQL)
  --tls             calls by mutual TLS, as for npm start
  --orders N        orders at the end of each (default 40)
  --concurrency N   of them at a time (default 8)
  --help`;

const options = readOptions();

const READY_WITHIN_MS = 120_000;
const STOPPED_WITHIN_MS = 15_000;
const SUITE_WITHIN_MS = 1_200_000;
/** Messages of an order that is delivered, and seconds at which they are sent. */
const FEWEST_MESSAGES = 10;
const [EARLIEST_S, LATEST_S] = [-30, 300];

const checks = new Checks();

/**
 * @template T
 * @param {number} limit
 * @param {string} what
 * @param {() => T | undefined | false} ask
 * @returns {Promise<T>}
 */
async function until(limit, what, ask) {
  for (const end = performance.now() + limit; performance.now() < end; await sleep(200)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what} not within ${limit / 1000} s`);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        on: { type: 'string', multiple: true, default: ['postgres'] },
        tls: { type: 'boolean', default: false },
        orders: { type: 'string', default: '40' },
        concurrency: { type: 'string', default: '8' },
        help: { type: 'boolean' },
      },
    });
    for (const [name, text] of Object.entries({
      orders: values.orders,
      concurrency: values.concurrency,
    }))
      if (!/^[1-9]\d{0,5}$/.test(text))
        throw new Error(`--${name} is "${text}", but must be a whole number from 1`);
    if (!values.help) return values;
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${HELP}`);
    process.exit(1);
  }
  console.log(HELP);
  process.exit(0);
}

/**
 * @param {string} on
 * @returns {Launched}
 */
function launch(on) {
  const words = [...(on === 'postgres' ? [] : ['--on', on]), ...(options.tls ? ['--tls'] : [])];
  const child = spawn('npm', ['start', ...(words.length > 0 ? ['--', ...words] : [])], {
    stdio: 'inherit',
  });
  return { child, exited: once(child, 'exit') };
}

/**
 * @param {Run | undefined} run
 * @param {number | undefined} before
 */
const everyoneReady = (run, before) =>
  run &&
  run.launcher.pid !== before &&
  Object.values(run.instances).every(({ ready }) => ready) &&
  run;

/** @param {Launched} started */
async function ready({ exited }) {
  const before = readRun()?.launcher.pid; // a system that runs already makes this start fail, and is not ours to judge
  const died = exited.then(([code]) => {
    throw new Error(`npm start ended with exit code ${code}`);
  });
  const run = await Promise.race([
    died,
    until(READY_WITHIN_MS, 'ready', () => everyoneReady(readRun(), before)),
  ]);
  return `${Object.keys(run.instances).length} processes`;
}

/** Its own sum: each scenario counts. */
async function suite() {
  const total = path.join(os.tmpdir(), `parley-e2e-total-${process.pid}`);
  const flags = [
    '--config',
    'jest.config.js',
    '--selectProjects',
    'shop-e2e',
    '--runInBand',
    '--testPathPatterns',
    'running-shop',
  ];
  const env = {
    ...process.env,
    SHOP_RUN_FILE: path.resolve(RUN_FILE),
    PARLEY_TEST_TOTAL: total,
    PARLEY_TEST_POSTGRES: 'not needed',
    PARLEY_TEST_MAY_TAKE_MS: String(SUITE_WITHIN_MS),
  };
  const child = spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...flags], {
    stdio: 'inherit',
    env,
  });
  const [code] = await once(child, 'exit');
  const counted = fs.existsSync(total)
    ? JSON.parse(fs.readFileSync(total, 'utf8'))
    : { passed: 0, failed: 0 };
  fs.rmSync(total, { force: true });
  checks.passed += counted.passed;
  checks.failed += counted.failed || (code === 0 && counted.passed > 0 ? 0 : 1);
}

/** Draws the way of one order, the messages at seconds after it was placed. */
async function oneOrder() {
  const child = spawn(process.execPath, ['tools/shop/order.mjs', '--token', 'tok_ok'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [drawn, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`npm run order ended with exit code ${code}:\n${drawn}`);
  const times = [...drawn.matchAll(/^ *(-?\d+\.\d\d) s {2}\w/gm)].map(([, time]) => Number(time));
  const odd = times.find((time) => time < EARLIEST_S || time > LATEST_S);
  if (times.length < FEWEST_MESSAGES || odd !== undefined)
    throw new Error(`${times.length} messages are drawn, one at ${odd} s:\n${drawn}`);
  return `${times.length} messages`;
}

async function manyOrders() {
  const child = spawn(
    process.execPath,
    [
      'tools/shop/orders.mjs',
      '--count',
      options.orders,
      '--concurrency',
      options.concurrency,
      '--wait',
      '600',
    ],
    {
      stdio: 'inherit',
    },
  );
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`npm run orders ended with exit code ${code}`);
}

/**
 * @param {Launched} started
 * @param {NamedProcess[]} processes
 */
async function stopped({ child, exited }, processes) {
  const late = sleep(STOPPED_WITHIN_MS, undefined, { ref: false }).then(() => {
    throw new Error(`still running after ${STOPPED_WITHIN_MS / 1000} s`);
  });
  child.kill('SIGTERM');
  const [code, signal] = await Promise.race([exited, late]);
  if (code !== 0) throw new Error(`exit code ${signal ?? code}`);
  const left = processes.filter(isSame);
  if (left.length) throw new Error(`left behind: ${left.map(({ name }) => name).join(', ')}`);
}

/**
 * @param {Run} run
 * @returns {NamedProcess[]}
 */
const processesOf = ({ instances, postgresPid, postgresStarted, launcher }) => [
  ...Object.values(instances),
  { name: 'PostgreSQL', pid: postgresPid, started: postgresStarted },
  { name: 'npm start', ...launcher },
];

/** @param {string} on */
async function through(on) {
  console.log(`── ${on}`);
  const started = launch(on);
  const end = () => started.child.kill('SIGTERM');
  process.on('exit', end);
  if (await checks.check(`npm start on ${on}`, () => ready(started))) {
    await suite();
    await checks.check(`one order on ${on}, drawn`, oneOrder);
    await checks.check(
      `${options.orders} orders on ${on}, ${options.concurrency} at a time`,
      manyOrders,
    );
  }
  const run = readRun();
  const processes = run ? processesOf(run) : [];
  await checks.check('SIGTERM stops everything, nothing is left', () =>
    stopped(started, processes),
  );
  process.off('exit', end);
}

for (const on of options.on) await through(on);
checks.end();
process.exit();
