// The shop under test: a copy of the checkout in a folder of its own, started by the usual
// launcher.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, isSame, tryKill } from '../tools/dev/process-tree.mjs';
import { hasExited, isReady, ready, runIn } from '../tools/shop/launched-shop.mjs';
import { applyEdit } from './edits.mjs';
import { SCALE } from './schedule.mjs';

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
  #launcher;
  /** Every pid that got a SIGKILL from here. */
  #killed = new Set();

  /** Where its PostgreSQL will listen. */
  postgresPort = Number(process.env.PARLEY_POSTGRES_PORT ?? 15432);

  /**
   * @param nodeFlags for every process, to load a plant
   * @param edits changes to the sources of the copy
   */
  constructor({ nodeFlags, edits = [] } = {}) {
    this.nodeFlags = nodeFlags;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-chaos-'));
    fs.chmodSync(this.dir, 0o755); // PostgreSQL may run as another user
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
    fs.mkdirSync(path.join(this.dir, CIRCUMSTANCES), { recursive: true });
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

  allReady(withinMs = READY_WITHIN_MS) {
    return ready(this.#launcher, { log: this.log, withinMs, isReady: () => this.isReady() });
  }

  isReady() {
    const run = this.run();
    return run?.launcher.pid === this.#launcher.pid && isReady(run);
  }

  run() {
    return runIn(this.dir);
  }

  /** The pid that got the signal; undefined when there was none, for example between two starts. */
  signal(name, signal) {
    const instance = this.run()?.instances[name];
    if (!instance?.pid || !isSame(instance)) return undefined;
    if (signal === 'SIGKILL') this.#killed.add(instance.pid);
    tryKill(instance.pid, signal);
    return instance.pid;
  }

  wasKilled(pid) {
    return this.#killed.has(pid);
  }

  /** The environment of a process from its next start on. Without `variables`: the usual one. */
  setEnvironment(name, variables) {
    if (variables) fs.writeFileSync(this.#circumstance(name), JSON.stringify(variables));
    else fs.rmSync(this.#circumstance(name), { force: true });
  }

  /** … for its next start only. */
  setEnvironmentOnce(name, variables) {
    fs.rmSync(this.#circumstance(`${name}.armed`), { force: true });
    fs.writeFileSync(this.#circumstance(`${name}.once`), JSON.stringify(variables));
  }

  /** {pid, started} of the process that was started with it. */
  startedWithIt(name) {
    try {
      return JSON.parse(fs.readFileSync(this.#circumstance(`${name}.armed`), 'utf8'));
    } catch {
      return undefined;
    }
  }

  forgetEnvironmentOnce(name) {
    for (const which of ['once', 'armed'])
      fs.rmSync(this.#circumstance(`${name}.${which}`), { force: true });
  }

  #circumstance(name) {
    return path.join(this.dir, CIRCUMSTANCES, `${name}.json`);
  }

  logSize(name) {
    return fs.statSync(this.#log(name), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The log of a process, from this byte on. */
  logFrom(name, place) {
    return fs.readFileSync(this.#log(name)).subarray(place).toString('utf8');
  }

  #log(name) {
    return path.join(this.dir, '.data/logs', `${name}.log`);
  }

  /** Everything at once, PostgreSQL included. */
  async powerCut() {
    const victims = [this.#launcher.pid];
    tryKill(this.#launcher.pid, 'SIGKILL'); // first: it would start the others again
    const run = this.run();
    victims.push(
      ...Object.values(run.instances)
        .filter((instance) => instance.pid && isSame(instance))
        .map(({ pid }) => pid),
      run.postgresPid,
    );
    for (const pid of victims) tryKill(pid, 'SIGKILL');
    for (const until = Date.now() + 10_000; Date.now() < until && victims.some(isAlive);)
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
