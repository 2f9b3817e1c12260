// npm run crash: workers of the kit, as consumers and as relays, are killed at random moments and
// ended at enumerated steps of a message's way while messages flow. Then the books are compared.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { build } from '../build/build.mjs';
import { commandLine, wholeNumber } from '../terminal/command-line.mjs';
import { useTestPostgres } from '../database/test-postgres.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));
const OUT = '.data/crash/dist'; // of its own: a run must not change because somebody builds
const ONE_FILE = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-crash-'));
const WORKER = `${OUT}/libs/parley/conformance/src/crash/worker.js`;
const PLACE = `${OUT}/libs/parley/transports/postgres/src/crash.fixture.js`;
const require = createRequire(path.resolve(OUT, 'crash.js'));

const HELP = `npm run crash [-- options]      kills workers of the kit while messages flow, then compares what was committed with what took effect

  --kills N         kill -9 at random moments, per role: consumer and relay (200)
  --failpoints N    ends at enumerated steps of a message's way, per role (1000)
  --seed N          of the random moments (from the clock; printed)
  --minutes N       after that nothing is killed any more, and what happened is judged (600)
  --from N          first of the enumerated ends, to go on with a run that was cut short (0)
  --steps a,b       only these steps, such as relay.read
  --plant NAME      plants a fault that must be found: no-inbox, early-acknowledgement, early-removal
  --help

Exits with 1 when an effect is missing, doubled or out of order, and when nothing was cut off. The defaults take about an hour.`;

const { values: options } = commandLine(HELP, {
  options: {
    kills: { type: 'string', default: '200' },
    failpoints: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '600' }, // after that nobody dies any more, and what happened is judged
    from: { type: 'string', default: '0' }, // of the enumerated ends, as the campaign of an earlier run was cut short
    steps: { type: 'string' },
    plant: { type: 'string' },
  },
});
/** @param {'seed' | 'kills' | 'failpoints' | 'from'} name */
const number = (name) => wholeNumber(name, options[name]);
const seed = number('seed');
const until = performance.now() + minutes(options.minutes) * 60_000;
const [kills, failPoints, first] = [number('kills'), number('failpoints'), number('from')];

/**
 * Half a minute is enough for a look.
 * @param {string} text
 */
function minutes(text) {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  return Number.isNaN(number) ? wholeNumber('minutes', text) : number;
}

/**
 * Mulberry32.
 * @param {number} state
 */
function randomOf(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @import { CampaignOptions, CrashSite, Plant } from '../../libs/parley/conformance/src/crash/index.js' */
/** @typedef {typeof import('../../libs/parley/conformance/src/crash/index.js')} Kit */

/**
 * @typedef {object} Plan
 * @property {string} title
 * @property {'own database' | 'another database'} where
 * @property {'CONSUMER' | 'SENDER'} victim
 * @property {number} share of the deaths
 * @property {readonly Plant[]} plants
 */

/** @typedef {Awaited<ReturnType<typeof run>>} Report */

/**
 * The processes that die at a step, and their part of the deaths.
 * @type {readonly Plan[]}
 */
const CAMPAIGNS = [
  {
    title: 'consumer, its messages in its database',
    where: 'own database',
    victim: 'CONSUMER',
    share: 0.5,
    plants: [],
  },
  {
    title: 'consumer, with an inbox',
    where: 'another database',
    victim: 'CONSUMER',
    share: 0.5,
    plants: ['no-inbox', 'early-acknowledgement'],
  },
  {
    title: 'publisher and relay, with an outbox',
    where: 'another database',
    victim: 'SENDER',
    share: 1,
    plants: ['early-removal'],
  },
];

/**
 * @param {Plan} plan
 * @param {number} index
 */
async function run({ title, where, victim, share }, index) {
  /** @type {Kit} */
  const kit = require('./libs/parley/conformance/src/crash/index.js');
  /** @type {{ postgresSite: (where: Plan['where']) => Promise<CrashSite> }} */
  const { postgresSite } = require(path.resolve(PLACE));
  const site = await postgresSite(where);
  const campaign = new kit.Campaign({
    site,
    victim: kit[victim],
    worker: path.join(ONE_FILE, 'start.cjs'),
    random: randomOf(seed + index),
    kills: Math.round(kills * share),
    failPoints: Math.round(failPoints * share),
    from: Math.round(first * share),
    plant,
    ...stepsOf(kit, kit[victim], site),
    over: () => performance.now() > until,
    progress: (/** @type {string} */ text) => progress(title, text),
  });
  try {
    return { title, ...(await campaign.run()) };
  } finally {
    await site.close();
  }
}

/** A step that no victim takes would end none, and the run would say that all is well. */
function checkSteps() {
  /** @type {Kit} */
  const kit = require('./libs/parley/conformance/src/crash/index.js');
  /** @type {readonly CampaignOptions['victim'][]} */
  const victims = [kit.SENDER, kit.CONSUMER];
  /** @type {readonly string[]} */
  const known = victims.flatMap((victim) => kit.stepsOf(victim, true));
  const unknown = options.steps?.split(',').find((step) => !known.includes(step));
  if (unknown === undefined) return;
  fs.rmSync(ONE_FILE, { recursive: true });
  console.error(
    `There is no step "${unknown}": it is one of ${[...new Set(known)].sort().join(', ')}.`,
  );
  process.exit(2);
}

/**
 * The steps of --steps that this victim takes. If it takes none, it is only killed.
 * @param {Kit} kit
 * @param {CampaignOptions['victim']} victim
 * @param {CrashSite} site
 */
function stepsOf(kit, victim, site) {
  const wanted = options.steps?.split(',');
  if (!wanted) return {};
  const steps = kit.stepsOf(victim, site.relays).filter((step) => wanted.includes(step));
  return steps.length > 0 ? { steps } : { failPoints: 0 };
}

let shown = -Infinity;
/**
 * @param {string} title
 * @param {string} text
 */
function progress(title, text) {
  if (performance.now() - shown < 5_000) return;
  shown = performance.now();
  console.log(`${title}: ${text}`);
}

/** @param {readonly Report[]} results */
function print(results) {
  for (const { title, kills, cut, ends, said, effects, faults, milliseconds } of results) {
    console.log(`\n${title} (${Math.round(milliseconds / 1000)} s)`);
    const cutOff = `${cut.transactions} inside a transaction, ${cut.unacknowledged} with messages not acknowledged, ${cut.unpublished} before publishing, ${cut.unremoved} between publishing and removing`;
    console.log(`  ${kills} kills at random: ${cutOff}`);
    const total = [...ends.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `  ${total} ends at steps: ${[...ends].map(([step, count]) => `${step} ${count}`).join(', ')}`,
    );
    console.log(
      `  ${said} things said and committed, ${effects} effects: ${faults.length === 0 ? 'each once, in order per key, nothing else' : ''}`,
    );
    for (const fault of faults) console.log(`  ✗ ${fault}`);
  }
}

const PLANTS = CAMPAIGNS.flatMap(({ plants }) => plants);
const plant = PLANTS.find((one) => one === options.plant);
if (options.plant && !plant) {
  console.error(`There is no plant "${options.plant}": it is one of ${PLANTS.join(', ')}.`);
  process.exit(2);
}
const { files } = await build(OUT, { withFixtures: true });
execFileSync(process.execPath, ['tools/build/one-file.cjs', ONE_FILE, WORKER, PLACE], {
  stdio: 'inherit',
});
checkSteps();
console.log(
  `${files} files compiled; seed ${seed}${options.plant ? `; planted: ${options.plant}` : ''}`,
);
const postgres = await useTestPostgres();
process.env.PARLEY_TEST_POSTGRES = postgres.url;
try {
  const chosen = CAMPAIGNS.filter(({ plants }) => !plant || plants.includes(plant));
  const results = await Promise.all(chosen.map(run));
  print(results);
  process.exitCode = results.every(({ faults }) => faults.length === 0) ? 0 : 1;
} finally {
  await postgres.release();
  fs.rmSync(ONE_FILE, { recursive: true });
}
process.exit();
