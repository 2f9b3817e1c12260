// npm run examples: installs each folder of examples/ as its reader does, from the packages of the
// kit and outside of this repository, and runs its test. PostgreSQL is the embedded one, RabbitMQ
// the one of RABBITMQ_URL, or one that is started for this run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { useTestPostgres } from '../database/test-postgres.mjs';
import { pack } from '../build/pack.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { seconds } from '../terminal/progress.mjs';
import { Database } from './database.mjs';
import { provideServer, run, usePython } from './install.mjs';
import { NotTriedError } from './not-tried.mjs';
import { useRabbitmq } from './rabbitmq.mjs';
import { trialsOf } from './trials.mjs';

/** @import { Trial } from './trials.mjs' */
/** @typedef {{ postgres: string, rabbitmq: () => Promise<string> }} Surroundings */

const EXAMPLES = path.resolve(import.meta.dirname, '../../examples');
const PACKED = path.resolve(import.meta.dirname, '../../dist/packages');

const HELP = `npm run examples [-- names]              installs and tests the examples that begin with these names; without any: all
npm run examples -- --start 02           installs one, brings its database and broker, and runs it until Ctrl-C

  --keep     leaves the folder in which they were installed
  --packed   takes the packages of the last npm run pack
  --help`;

const { values, positionals } = commandLine(HELP, {
  options: { keep: { type: 'boolean' }, packed: { type: 'boolean' }, start: { type: 'boolean' } },
  allowPositionals: true,
});

/** @param {string[]} names */
function chosen(names) {
  const all = fs.readdirSync(EXAMPLES).filter((name) => /^\d\d-/.test(name));
  const unknown = names.find((name) => !all.some((one) => one.startsWith(name)));
  if (unknown !== undefined) throw new Error(`no example begins with "${unknown}"`);
  return all.filter((one) => names.length === 0 || names.some((name) => one.startsWith(name)));
}

/**
 * Copies an example to its own folder and installs it.
 * @param {Trial} trial
 * @param {string} place
 */
async function installed({ example, name, adapt }, place) {
  const folder = path.join(place, 'examples', name);
  if (fs.existsSync(folder)) return folder;
  const isOurs = (/** @type {string} */ file) => !/(^|\/)(node_modules|dist|\.venv)$/.test(file);
  fs.cpSync(path.join(EXAMPLES, example), folder, { recursive: true, filter: isOurs });
  const manifest = path.join(folder, 'package.json');
  fs.writeFileSync(manifest, JSON.stringify(adapt(JSON.parse(fs.readFileSync(manifest, 'utf8')))));
  await run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--loglevel=error'], folder);
  if (fs.existsSync(path.join(folder, 'requirements.txt'))) await usePython(folder);
  return folder;
}

/**
 * @param {Trial} trial
 * @param {string} place
 * @param {Surroundings} surroundings
 * @param {(folder: string, env: NodeJS.ProcessEnv) => Promise<unknown>} use
 */
async function inItsPlace(trial, place, { postgres, rabbitmq }, use) {
  const folder = await installed(trial, place);
  const { type } = trial;
  if (type !== undefined) {
    const manifest = path.join(folder, 'package.json');
    const content = { ...JSON.parse(fs.readFileSync(manifest, 'utf8')), type };
    fs.writeFileSync(manifest, JSON.stringify(content));
  }
  const needsRabbitmq = /RABBITMQ_URL/.test(
    fs.readFileSync(path.join(folder, 'README.md'), 'utf8'),
  );
  const database = await Database.create(postgres);
  try {
    await use(folder, {
      ...process.env,
      DATABASE_URL: database.url,
      ...(needsRabbitmq && { RABBITMQ_URL: await rabbitmq() }),
    });
  } finally {
    await database.drop();
  }
}

/**
 * @param {Trial} trial
 * @param {string} place
 * @param {Surroundings} surroundings
 * @returns {Promise<'passed' | 'failed' | 'not tried'>}
 */
async function outcomeOf(trial, place, surroundings) {
  const began = performance.now();
  const took = () => seconds(performance.now() - began);
  try {
    await inItsPlace(trial, place, surroundings, async (folder, env) => {
      if (trial.server !== undefined) await provideServer(folder, trial.server);
      await run('npm', ['run', trial.script ?? 'test', '--silent'], folder, env);
    });
    console.log(`✓ ${trial.label}  ${took()}`);
    return 'passed';
  } catch (error) {
    if (error instanceof NotTriedError) {
      console.log(`- ${trial.label}: not tried, ${error.message}`);
      return 'not tried';
    }
    console.error(`✗ ${trial.label}  ${took()}\n${messageOf(error)}`);
    return 'failed';
  }
}

/**
 * Runs one in the foreground; Ctrl-C reaches it as a member of this process group.
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
async function inForeground(folder, env) {
  console.log(`installed in ${folder}; DATABASE_URL=${env.DATABASE_URL}`);
  process.on('SIGINT', () => undefined);
  const child = spawn('npm', ['start', '--silent'], { cwd: folder, env, stdio: 'inherit' });
  await once(child, 'close');
}

/** @param {string} folder */
async function packInto(folder) {
  if (!values.packed) return void (await pack(folder));
  fs.cpSync(PACKED, folder, { recursive: true, filter: (file) => !/\/src$/.test(file) });
}

async function main() {
  const examples = chosen(positionals);
  const place = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-examples-'));
  const packages = path.join(place, 'dist/packages');
  const [postgres] = await Promise.all([useTestPostgres(), packInto(packages)]);
  fs.mkdirSync(path.join(place, 'examples'));
  fs.copyFileSync(path.join(EXAMPLES, 'program.mjs'), path.join(place, 'examples/program.mjs'));
  const rabbitmq = useRabbitmq();
  const surroundings = { postgres: postgres.url, rabbitmq: rabbitmq.url };
  /** @type {string[]} */
  const outcomes = [];
  try {
    const trials = examples.flatMap(trialsOf);
    if (values.start && trials[0]) await inItsPlace(trials[0], place, surroundings, inForeground);
    else for (const trial of trials) outcomes.push(await outcomeOf(trial, place, surroundings));
  } finally {
    await rabbitmq.release();
    await postgres.release();
    if (values.keep) console.log(`kept in ${place}`);
    else fs.rmSync(place, { recursive: true, force: true });
  }
  if (values.start) return;
  const count = (/** @type {string} */ one) => outcomes.filter((other) => other === one).length;
  console.log(`${count('passed')} passed, ${count('failed')} failed`);
  process.exitCode = count('failed') > 0 ? 1 : 0;
}

main().catch((error) => {
  console.error(`npm run examples: ${messageOf(error)}`);
  process.exitCode = 1;
});
