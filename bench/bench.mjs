// npm run bench -- <mode> [options]: what Parley costs beside other ways to the same end.
import fs from 'node:fs';
import path from 'node:path';
import { build } from '../tools/build/build.mjs';
import { useTestPostgres } from '../tools/database/test-postgres.mjs';
import { keepPrivate } from '../tools/dev/private-folder.mjs';
import { commandLine, wholeNumber } from '../tools/terminal/command-line.mjs';
import { messageOf, Mistake } from '../tools/terminal/errors.mjs';
import { seconds } from '../tools/terminal/progress.mjs';
import { chosenOf, stepsOf, withEarlier, withOtherBuild } from './measure/chosen.mjs';
import { machine } from './measure/machine.mjs';
import { allows, installedPeer, installPeers, nodeOf } from './measure/peers.mjs';
import { endAll } from './measure/processes.mjs';
import { pageParts, sectionOf, withSection } from './measure/results.mjs';
import { interleaved } from './measure/rounds.mjs';
import { endServers, startServers } from './measure/servers.mjs';
import { MODES } from './modes.mjs';
import { poison } from './poison.mjs';
import { compareKept, keptRatios, keepRatios, QUICK } from './quick.mjs';

/** @import { Contestant, Context, Figures, Mode } from './measure/mode.mjs' */
/** @import { Running, ServerName } from './measure/servers.mjs' */
/** @import { Result } from './measure/results.mjs' */

process.chdir(path.dirname(import.meta.dirname));
const OUT = '.data/bench/dist'; // of its own: a run must not change because somebody builds
const RAW = '.data/bench';
const PAGE = 'docs/benchmarks.md';
const PLOTS = 'docs/plots';
/** Share of the messages of a whole run. */
const SMALL = 0.02;

const HELP = `npm run bench -- <mode> [options]      measures contestants side by side, in turn

  --rounds N     (5)
  --only A,B     some contestants, or some works
  --works A,B    some works
  --steps N,N    some steps of a work that has steps (growth)
  --against C    the shop of an earlier commit beside this one (modes shop, start, memory, idle), in a temporary work
                 tree with its own packages
  --with FOLDER  a build of other sources as one more contestant: npm run build there, then its dist/
  --small        few messages: whether each contestant does what it promises; the figures say nothing
  --write        writes ${PAGE}, and pictures beside it
  --node FILE    runs the contestants (default: the version that bench/package.json pins, where it has it)

npm run bench -- --list          modes, their works and contestants
npm run bench -- --quick         two short rounds against the code by hand: fails when Parley got worse than bench/ratios.json
  --keep         writes bench/ratios.json instead: on a quiet machine
npm run bench -- poison          events of which one fails for ever: what the other lanes notice
  --events N --keys N --rate N --pairs N    (10000, 100, 250, 5)
  --help`;

const { values, positionals } = commandLine(HELP, {
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    works: { type: 'string' },
    steps: { type: 'string' },
    with: { type: 'string' },
    against: { type: 'string' },
    node: { type: 'string' },
    small: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    events: { type: 'string' },
    keys: { type: 'string' },
    rate: { type: 'string' },
    pairs: { type: 'string' },
  },
});

/** @type {Map<ServerName, Running>} */
const servers = new Map();
/** @type {Promise<void> | undefined} */
let ending;

/** @type {Mode['finish']} */
let finish;

/** Ends everything that this command started. */
const end = () =>
  (ending ??= endAll()
    .then(() => finish?.())
    .then(endServers));
let isStopped = false;
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, () => {
    isStopped = true;
    void end().finally(() => process.exit(130));
  });

/** After a signal everything fails that is being measured: it is no result. */
async function unlessStopped() {
  if (isStopped) await new Promise(() => {});
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  await unlessStopped();
  console.error(error instanceof Mistake ? error.message : error);
  process.exitCode = error instanceof Mistake ? 2 : 1;
} finally {
  await end();
}
process.exit();

/** @returns {Promise<boolean>} whether it holds */
async function main() {
  const [name] = positionals;
  if (values.list) return list();
  if (values.quick) return quick();
  if (name === 'poison') return onTestPostgres();
  const mode = MODES.find((one) => one.name === name);
  if (!mode)
    throw new Mistake(`${name ? `There is no mode "${name}".` : 'Which mode?'}\n\n${HELP}`);
  return run(mode);
}

function list() {
  for (const { name, what, works, contestants } of MODES) {
    console.log(`${name}: ${what}`);
    console.log(`  contestants  ${contestants.map((one) => one.name).join(', ')}`);
    for (const work of works) console.log(`  ${work.name.padEnd(20)} ${work.what}`);
    console.log();
  }
  return true;
}

/** @param {Mode} mode */
async function run(mode) {
  if (values.small && values.write)
    throw new Mistake('--small --write: figures of few messages say nothing, and are not written.');
  if (values.steps && values.write)
    throw new Mistake('--steps --write: a section has all steps of its work.');
  const { contestants, works } = chosenOf(mode, values);
  const result = await measured(
    {
      ...mode,
      contestants: withEarlier(
        mode,
        withOtherBuild(mode, contestants, values.with),
        values.against,
      ),
    },
    {
      rounds: wholeNumber('rounds', values.rounds, 1),
      scale: values.small ? SMALL : 1,
      works: works.map(({ name }) => name),
      steps: stepsOf(mode, works, values.steps),
    },
  );
  console.log(sectionOf(result));
  if (values.write) write(result);
  return result.failures.length === 0;
}

/**
 * @param {Contestant} contestant
 * @param {string} version of Node
 */
function whyNot({ label, packages = [] }, version) {
  for (const name of packages) {
    const installed = installedPeer(name);
    if (!installed) return `${label}: ${name} is not installed`;
    if (!allows(version, installed.needs))
      return `${label}: ${name} ${installed.version} needs Node ${installed.needs}`;
  }
  return undefined;
}

/**
 * Rounds of a mode.
 * @param {Mode} mode
 * @param {{ rounds: number, scale: number, works?: string[], steps?: number[], node?: string }} options node: default, the one of the contestants
 * @returns {Promise<Result & { failures: string[] }>}
 */
async function measured(mode, { rounds, scale, works, steps, node: given }) {
  keepPrivate(RAW);
  installPeers(mode.contestants.flatMap(({ packages = [] }) => packages));
  const node = given ?? nodeOf(values.node);
  const before = machine(node, []);
  await build(OUT, { withFixtures: true });
  /** @type {Contestant[]} */
  const able = [];
  /** @type {string[]} */
  const leftOut = [];
  for (const contestant of mode.contestants) {
    let why = whyNot(contestant, before.node);
    try {
      if (!why) await startServers([...mode.servers, ...(contestant.servers ?? [])], servers);
    } catch (error) {
      why = `${contestant.label}: ${messageOf(error)}`;
    }
    if (why) leftOut.push(why);
    else able.push(contestant);
  }
  for (const sentence of leftOut) console.error(`left out: ${sentence}`);
  if (able.length === 0) throw new Mistake('There is nobody left to be measured.');
  /** @type {Context} */
  const context = {
    dist: OUT,
    node,
    servers,
    scale,
    wants: (work, step) =>
      (works?.includes(work) ?? true) && (step === undefined || (steps?.includes(step) ?? true)),
  };
  finish = mode.finish;
  await mode.prepare?.(able);
  /** @type {Map<string, Record<string, Figures>[]>} */
  const rows = new Map(able.map(({ name }) => [name, []]));
  /** @type {string[]} */
  const failures = [];
  for (const { round, contestant } of interleaved(rounds, able)) {
    if (failures.some((failure) => failure === contestant.name)) continue;
    const started = performance.now();
    try {
      rows.get(contestant.name)?.push(await mode.measure(contestant, context, round));
      console.error(
        `round ${round + 1} of ${rounds}: ${contestant.label}, ${seconds(performance.now() - started)}`,
      );
    } catch (error) {
      await unlessStopped();
      rows.delete(contestant.name);
      failures.push(contestant.name);
      leftOut.push(
        `${contestant.label}: it did not do what it promises (${messageOf(error).split('\n')[0]})`,
      );
      console.error(messageOf(error));
    }
  }
  const said = [...servers.values()].map(({ says }) => says);
  const result = { mode, machine: { ...before, servers: said }, rounds, rows, leftOut, failures };
  const file = path.join(RAW, `${mode.name}-${new Date().toISOString().replaceAll(':', '-')}.json`);
  const raw = { machine: result.machine, rounds, scale, leftOut, rows: Object.fromEntries(rows) };
  fs.writeFileSync(file, JSON.stringify({ mode: mode.name, ...raw }, null, 2));
  console.error(`raw figures: ${file}\n`);
  return result;
}

/** @param {Result} result */
function write(result) {
  const { sections, pictures } = pageParts(result, path.basename(PLOTS));
  fs.mkdirSync(PLOTS, { recursive: true });
  for (const { name, picture } of pictures) fs.writeFileSync(path.join(PLOTS, name), picture);
  for (const { again, text } of sections) {
    const page = fs.existsSync(PAGE) ? fs.readFileSync(PAGE, 'utf8') : undefined;
    fs.writeFileSync(PAGE, withSection(page, again, text));
  }
}

async function quick() {
  const mode = MODES.find(({ name }) => name === QUICK.mode);
  if (!mode) throw new Error(`there is no mode ${QUICK.mode}`);
  const kept = values.keep ? undefined : keptRatios();
  const contestants = mode.contestants.filter(({ name }) => QUICK.contestants.includes(name));
  const node = values.node ?? process.execPath; // the same with and without bench/node_modules
  const result = await measured({ ...mode, contestants }, { ...QUICK, node });
  if (result.failures.length > 0) return false;
  if (kept) return compareKept(result, kept);
  keepRatios(result);
  return true;
}

async function onTestPostgres() {
  await build(OUT, { withFixtures: true });
  const postgres = await useTestPostgres();
  process.env.PARLEY_TEST_POSTGRES = postgres.url;
  /** @param {'events' | 'keys' | 'rate' | 'pairs'} name */
  const number = (name) => {
    const text = values[name];
    return text === undefined ? undefined : wholeNumber(name, text, 1);
  };
  const options = {
    events: number('events'),
    keys: number('keys'),
    rate: number('rate'),
    pairs: number('pairs'),
  };
  try {
    return await poison(OUT, options);
  } finally {
    await postgres.release();
  }
}
