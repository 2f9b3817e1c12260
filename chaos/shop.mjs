// The shop under test: a copy of the checkout in a folder of its own, started by the usual
// launcher.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, isSame, processesIn, tryKill } from '../tools/dev/process-tree.mjs';
import { portOf } from '../tools/terminal/command-line.mjs';
import { hasExited, isReady, ready, runIn } from '../tools/shop/launched-shop.mjs';
import { applyEdit } from './edits.mjs';
import { SCALE } from './schedule.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { ProcessIdentity } from '../tools/dev/process-tree.mjs' */
/** @import { Edit } from './edits.mjs' */

const COPIED = [
  'chaos',
  'apps',
  'libs',
  'tools',
  'dist',
  'topology.ts',
  'tsconfig.json',
  'tsconfig.base.json',
  'package.json',
  '.swcrc',
];
const READY_WITHIN_MS = 150_000;

/**
 * Below the shop's own folder: environments of single processes, for circumstances.mjs.
 */
export const CIRCUMSTANCES = '.data/circumstances';

export class Shop {
  /** @type {ChildProcess | undefined} */
  #launcher;
  /**
   * Every pid that got a SIGKILL from here.
   * @type {Set<number>}
   */
  #killed = new Set();

  /** Where its PostgreSQL will listen. */
  postgresPort = portOf('PARLEY_POSTGRES_PORT', 15432);

  /**
   * @param {object} [options]
   * @param {string} [options.nodeFlags] for every process, to load a plant
   * @param {readonly Edit[]} [options.edits] changes to the sources of the copy
   */
  constructor({ nodeFlags, edits = [] } = {}) {
    this.nodeFlags = nodeFlags;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-chaos-'));
    fs.chmodSync(this.dir, 0o711); // PostgreSQL may run as another user
    /** @type {fs.CopySyncOptions} */
    const keep = {
      recursive: true,
      preserveTimestamps: true,
      filter: (file) => !file.includes('node_modules'),
    };
    for (const name of COPIED)
      if (fs.existsSync(name)) fs.cpSync(name, path.join(this.dir, name), keep);
    for (const edit of edits) applyEdit(this.dir, edit);
    fs.symlinkSync(path.resolve('node_modules'), path.join(this.dir, 'node_modules'));
    this.log = path.join(this.dir, 'launcher.log');
    fs.writeFileSync(this.log, '', { mode: 0o600 }); // the launcher says the token of operations
    fs.mkdirSync(path.join(this.dir, CIRCUMSTANCES), { recursive: true, mode: 0o700 });
  }

  /** Resolves when every process is ready. */
  async start() {
    const out = fs.openSync(this.log, 'a');
    const scale = Object.entries(SCALE).map(([name, count]) => `${name}=${count}`);
    this.#launcher = spawn(
      process.execPath,
      ['--import', './chaos/circumstances.mjs', 'tools/dev/start.mjs', '--scale', scale.join(',')],
      {
        cwd: this.dir,
        // As from npm: then it stops by itself should this process be killed.
        env: {
          ...process.env,
          ...(this.nodeFlags && { PARLEY_NODE_FLAGS: this.nodeFlags }),
          npm_lifecycle_event: 'start',
          PARLEY_PORT: process.env.PARLEY_PORT ?? '14000',
          PARLEY_POSTGRES_PORT: String(this.postgresPort),
        },
        stdio: ['ignore', out, out],
        detached: true,
      },
    );
    fs.closeSync(out);
    await this.allReady();
  }

  /** Resolves when every process is ready, also those that start again. */
  async allReady(withinMs = READY_WITHIN_MS) {
    return ready(this.#running(), { log: this.log, withinMs, isReady: () => this.isReady() });
  }

  #running() {
    if (!this.#launcher) throw new Error('The shop was not started.');
    return this.#launcher;
  }

  isReady() {
    const run = this.run();
    return run?.launcher.pid === this.#running().pid && isReady(run);
  }

  run() {
    return runIn(this.dir);
  }

  /** The running shop. @throws while nothing does */
  launched() {
    const run = this.run();
    if (!run) throw new Error(`Nothing runs in ${this.dir}.`);
    return run;
  }

  /**
   * The pid that got the signal; undefined when there was none, for example between two starts.
   * @param {string} name
   * @param {NodeJS.Signals} signal
   */
  signal(name, signal) {
    const instance = this.run()?.instances[name];
    if (!instance?.pid || !isSame(instance)) return undefined;
    if (signal === 'SIGKILL') this.#killed.add(instance.pid);
    tryKill(instance.pid, signal);
    return instance.pid;
  }

  /** @param {number} pid */
  wasKilled(pid) {
    return this.#killed.has(pid);
  }

  /**
   * The environment of a process from its next start on.
   * @param {string} name
   * @param {NodeJS.ProcessEnv} [variables] without: the usual one
   */
  setEnvironment(name, variables) {
    if (variables) fs.writeFileSync(this.#circumstance(name), JSON.stringify(variables));
    else fs.rmSync(this.#circumstance(name), { force: true });
  }

  /**
   * The environment of a process for its next start only.
   * @param {string} name
   * @param {NodeJS.ProcessEnv} variables
   */
  setEnvironmentOnce(name, variables) {
    fs.rmSync(this.#circumstance(`${name}.armed`), { force: true });
    fs.writeFileSync(this.#circumstance(`${name}.once`), JSON.stringify(variables));
  }

  /**
   * The process that was started with it.
   * @param {string} name
   * @returns {ProcessIdentity | undefined}
   */
  startedWithIt(name) {
    try {
      return JSON.parse(fs.readFileSync(this.#circumstance(`${name}.armed`), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** @param {string} name */
  forgetEnvironmentOnce(name) {
    for (const which of ['once', 'armed'])
      fs.rmSync(this.#circumstance(`${name}.${which}`), { force: true });
  }

  /** @param {string} name */
  #circumstance(name) {
    return path.join(this.dir, CIRCUMSTANCES, `${name}.json`);
  }

  /** @param {string} name */
  logSize(name) {
    return fs.statSync(this.#log(name), { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * The log of a process, from this byte on.
   * @param {string} name
   * @param {number} place
   */
  logFrom(name, place) {
    return fs.readFileSync(this.#log(name)).subarray(place).toString('utf8');
  }

  /** @param {string} name */
  #log(name) {
    return path.join(this.dir, '.data/logs', `${name}.log`);
  }

  /** Everything at once, PostgreSQL included. */
  async powerCut() {
    const launcher = this.#running().pid;
    tryKill(launcher, 'SIGKILL'); // first: it would start the others again
    const run = this.launched();
    const instances = Object.values(run.instances).filter(isSame);
    const recorded = [launcher, ...instances.map(({ pid }) => pid), run.postgresPid];
    // A process that the launcher started last is not in its record yet.
    const victims = [...new Set([...recorded, ...processesIn(this.dir)])].filter(
      (pid) => pid !== undefined,
    );
    for (const pid of victims) tryKill(pid, 'SIGKILL');
    for (
      const until = performance.now() + 10_000;
      performance.now() < until && victims.some(isAlive);
    )
      await sleep(20);
    return { killed: victims.length, alive: victims.filter(isAlive).length };
  }

  async stop() {
    if (!this.#launcher || hasExited(this.#launcher)) return;
    for (const instance of Object.values(this.run()?.instances ?? {}))
      if (instance.pid && isSame(instance)) tryKill(instance.pid, 'SIGCONT');
    const exited = once(this.#launcher, 'exit');
    tryKill(this.#launcher.pid, 'SIGTERM');
    const late = setTimeout(() => void this.powerCut(), 40_000);
    await exited;
    clearTimeout(late);
  }

  /**
   * After `stop`: the copy and its data are gone; logs are worth keeping only when something was
   * found.
   * @param {string} [keepLogsIn]
   */
  remove(keepLogsIn) {
    if (keepLogsIn) {
      fs.cpSync(this.log, path.join(keepLogsIn, 'launcher.log'));
      fs.cpSync(path.join(this.dir, '.data/logs'), path.join(keepLogsIn, 'logs'), {
        recursive: true,
      });
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
