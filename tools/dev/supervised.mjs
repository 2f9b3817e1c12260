// One instance of a service as a process of its own: started, watched, started again when it
// crashes, stopped.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryKill } from './process-tree.mjs';
import { isReady } from './readiness.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Instance } from '../topology/environment.mjs' */

const BACKOFF = [1000, 2000, 4000, 8000, 15_000];
const HEALTHY_AFTER_MS = 30_000; // up for so long: what crashes next is a new story
const POLL_MS = 200;
/**
 * Starts that end with exit code 1 before there was one that became ready: the first may have met a
 * broker that was still starting itself.
 */
const GIVEN_UP_AFTER = 2;

export const LOGS = '.data/logs';

/**
 * Emits `started` {pid}, `ready` {took}, `crashed` {how, delay}, `stopped`. One that never was ready
 * and refuses to start is not started for ever.
 */
export class Supervised extends EventEmitter {
  ready = false;
  /** It said why, and would say it again. */
  givenUp = false;
  #everReady = false;
  #refusals = 0;
  /** @type {Promise<{ forced: boolean }> | undefined} */
  #stopping;
  #crashes = 0;
  /** @type {ChildProcess | undefined} */
  #child;

  /**
   * @param {Instance} instance
   * @param {NodeJS.ProcessEnv} env its environment
   * @param {string[]} [nodeFlags] for every process alike
   */
  constructor(instance, env, nodeFlags = []) {
    super();
    this.instance = instance;
    this.log = path.resolve(LOGS, `${instance.name}.log`);
    this.env = env;
    this.nodeFlags = nodeFlags;
  }

  get pid() {
    return this.#child?.pid;
  }

  start() {
    const began = performance.now();
    const child = this.#spawn();
    this.#child = child;
    this.emit('started', { pid: child.pid });
    child.once('exit', (code, signal) => void this.#ended(code, signal, began));
    void this.#watchReadiness(child, began);
  }

  #spawn() {
    const main = path.resolve(`dist/apps/${this.instance.service}/src/main.js`);
    // A file, not a pipe: logging costs the launcher nothing, and a service outlives a killed
    // launcher in good order.
    const out = fs.openSync(this.log, 'a');
    // Detached: Ctrl-C reaches the launcher alone, which stops everybody in order.
    const child = spawn(process.execPath, [...this.nodeFlags, main], {
      env: { MALLOC_ARENA_MAX: '2', ...this.env }, // an arena a thread would cost tens of megabytes
      stdio: ['ignore', out, out],
      detached: true,
    });
    fs.closeSync(out);
    return child;
  }

  /**
   * @param {ChildProcess} child
   * @param {number} began
   */
  async #watchReadiness(child, began) {
    while (
      child === this.#child &&
      child.exitCode === null &&
      child.signalCode === null &&
      !this.#stopping
    ) {
      if (await isReady(this.instance.url)) {
        this.ready = this.#everReady = true;
        this.emit('ready', { took: performance.now() - began });
        return;
      }
      await sleep(POLL_MS);
    }
  }

  /**
   * @param {number | null} code
   * @param {NodeJS.Signals | null} signal
   * @param {number} began
   */
  async #ended(code, signal, began) {
    this.ready = false;
    if (this.#stopping) return;
    if (code === 1 && !this.#everReady && ++this.#refusals === GIVEN_UP_AFTER)
      return void (this.givenUp = true);
    if (performance.now() - began > HEALTHY_AFTER_MS) this.#crashes = 0;
    const delay = BACKOFF[Math.min(this.#crashes++, BACKOFF.length - 1)];
    this.emit('crashed', {
      how: signal ? `was ended by ${signal}` : `ended with exit code ${code}`,
      delay,
    });
    await sleep(delay);
    if (!this.#stopping) this.start();
  }

  /**
   * Asks it to drain; ends it by force when `patience` is over. Asked again, waits for the same end.
   * @param {number} patience milliseconds
   */
  stop(patience) {
    this.#stopping ??= this.#end(patience);
    return this.#stopping;
  }

  /** @param {number} patience */
  async #end(patience) {
    const ending = await this.#endChild(patience);
    this.emit('stopped');
    return ending;
  }

  /** @param {number} patience */
  async #endChild(patience) {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return { forced: false };
    const exited = once(child, 'exit');
    tryKill(child.pid, 'SIGTERM');
    const late = setTimeout(() => tryKill(child.pid, 'SIGKILL'), patience);
    await exited;
    clearTimeout(late);
    return { forced: child.signalCode === 'SIGKILL' };
  }
}
