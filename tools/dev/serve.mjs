// nx serve <app>: one service from its sources, started again at each change, on the embedded
// PostgreSQL (started here when nothing else did). Beside `npm start` it is one more instance of
// that service, on the same technologies.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { build } from '../build/build.mjs';
import { installDatabase } from '../database/database.mjs';
import { instanceOf, postgresPort } from '../topology/environment.mjs';
import { addCalls, removeCalls } from './calls-files.mjs';
import { addAddress, removeAddress } from './operations-file.mjs';
import { listens } from './ports.mjs';
import { keepPrivate } from './private-folder.mjs';
import { isSame } from './process-tree.mjs';
import { readRun } from './run-file.mjs';
import { environmentBeside } from './serve-environment.mjs';
import { usePostgres } from '../database/shared-postgres.mjs';
import { watchSources } from './source-watch.mjs';
import { checkPorts } from './start-checks.mjs';
import { Mistake } from '../terminal/errors.mjs';
import { PORTS, topology } from '../topology/topology.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Process } from '../../topology.js' */

const HELP = `npx nx serve <service>      runs one service from its sources and starts it again at each change

  Beside a running "npm start" it is one more instance of that service, on the technologies which that start was given
  with --on; COMMANDS_URL, BROADCASTS_URL, EVENTS_URL of this shell win. Alone it starts PostgreSQL.
  Services: ${topology.map(({ name }) => name).join(', ')}`;

const STOPPED_WITHIN_MS = 10_000;

/** @param {string} name */
function processNamed(name) {
  const found = topology.find((process) => process.name === name);
  if (!found)
    throw new Mistake(
      `There is no service "${name}" in topology.ts: it is one of ${topology.map((process) => process.name).join(', ')}.`,
    );
  return found;
}

/** @param {Process} process */
async function freeInstance(process) {
  for (let index = 0; index < PORTS.slots; index++) {
    const instance = instanceOf(process, index);
    if (!(await listens(instance.port))) return instance;
  }
  throw new Mistake(`All ${PORTS.slots} ports of ${process.name} are taken.`);
}

async function database() {
  const choosePort = async () => {
    await checkPorts([{ port: postgresPort(), variable: 'PARLEY_POSTGRES_PORT' }]);
    return postgresPort();
  };
  const [postgres] = await Promise.all([
    usePostgres({ dir: '.data/postgres', choosePort }),
    build(),
  ]);
  const urls = await installDatabase(postgres.url, '.data/roles.json').catch(async (error) => {
    await postgres.release();
    throw error;
  });
  return { postgres, urls };
}

/** The start that runs in this checkout, if one does. */
function runningStart() {
  const run = readRun();
  return run && isSame(run.launcher) ? run : undefined;
}

/** The service as a child process that is replaced at each change. */
class Served {
  /** @type {ChildProcess | undefined} */
  #child;
  /** @type {Promise<void> | undefined} */
  #replacing;
  #stopping = false;
  /** @type {(code: number) => void} */
  #end = () => undefined;

  /**
   * @param {string} service
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(service, env) {
    this.service = service;
    this.env = env;
    /** @type {Promise<number>} */
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  start() {
    const flags = [
      '--enable-source-maps',
      '-r',
      '@swc-node/register',
      `apps/${this.service}/src/main.ts`,
    ];
    // Detached: Ctrl-C comes to this process only, so that the service drains once and PostgreSQL
    // stops after it.
    const child = spawn(process.execPath, flags, {
      env: this.env,
      stdio: 'inherit',
      detached: true,
    });
    child.once('exit', (code, signal) => {
      if (!this.#stopping && !this.#replacing)
        console.log(
          `${this.service} ended with ${signal ?? `exit code ${code}`}; it starts again at the next change.`,
        );
    });
    this.#child = child;
  }

  /** @param {string} file */
  restart(file) {
    if (this.#stopping) return;
    this.#replacing ??= this.#replace(file).finally(() => (this.#replacing = undefined));
  }

  /** @param {string} file */
  async #replace(file) {
    console.log(`${file} changed: ${this.service} starts again.`);
    await this.#endChild();
    if (!this.#stopping) this.start();
  }

  async #endChild() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    await exited;
    clearTimeout(late);
  }

  async stop() {
    this.#stopping = true;
    await this.#replacing;
    await this.#endChild();
    this.#end(this.#child?.exitCode ?? 0);
  }
}

/**
 * `commands by amqp`: a technology that is not the database is worth a word.
 * @param {NodeJS.ProcessEnv} env
 */
function carriersOf(env) {
  return ['COMMANDS', 'BROADCASTS', 'EVENTS'].flatMap((kind) => {
    const url = env[`${kind}_URL`];
    return url ? [`${kind.toLowerCase()} by ${url.split(':')[0]}`] : [];
  });
}

/** @param {string} name */
async function serve(name) {
  keepPrivate();
  const run = runningStart();
  if (run) process.env.PARLEY_PORT ??= String(run.basePort);
  const instance = await freeInstance(processNamed(name));
  const { postgres, urls } = await database();
  const env = environmentBeside(run, instance, urls);
  console.log(
    [
      `${instance.name} at ${instance.url}`,
      `database at ${new URL(postgres.url).host}`,
      ...carriersOf(env),
    ].join(', '),
  );
  addAddress(instance, run !== undefined);
  addCalls(instance, run !== undefined);
  const served = new Served(name, env);
  served.start();
  const watcher = watchSources(['libs', `apps/${name}/src`], (file) => served.restart(file));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => void served.stop());
  const code = await served.ended;
  removeAddress(instance);
  removeCalls(instance);
  await watcher.close();
  await postgres.release();
  return code;
}

try {
  const [name] = process.argv.slice(2);
  if (name === undefined || name === '--help' || name === '-h') console.log(HELP);
  else process.exit(await serve(name));
} catch (error) {
  console.error(error instanceof Mistake ? error.message : error);
  process.exit(1);
}
