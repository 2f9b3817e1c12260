// A shop in a folder of its own, which may hold another version: started by the launcher of that
// version, found by the run file that it writes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame, tryKill } from '../dev/process-tree.mjs';
import { RUN_FILE } from '../dev/run-file.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Run } from '../dev/run-file.mjs' */

const READY_WITHIN_MS = 240_000;
const STOPPED_WITHIN_MS = 40_000;

export class ShopFolder {
  /** @type {ChildProcess | undefined} */
  #npm;

  /**
   * @param {string} folder
   * @param {Record<string, string>} environment its ports, for example
   */
  constructor(folder, environment) {
    this.folder = folder;
    this.environment = environment;
    this.log = path.join(folder, '.data/start.log');
  }

  /**
   * Resolves when every process is ready.
   * @param {readonly string[]} technologies as of `npm start -- --on`
   * @throws with the last lines of the launcher
   */
  async start(technologies) {
    fs.mkdirSync(path.dirname(this.log), { recursive: true });
    const out = fs.openSync(this.log, 'a');
    const on = technologies.length > 0 ? ['--', '--on', technologies.join(',')] : [];
    // Without its `prestart`, which might install packages into a folder that only is linked here.
    this.#npm = spawn('npm', ['start', '--ignore-scripts', ...on], {
      cwd: this.folder,
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', out, out],
      detached: true,
    });
    fs.closeSync(out);
    for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await sleep(250)) {
      if (this.#hasExited()) break;
      if (this.#isReady()) return;
    }
    throw new Error(`it did not get ready. Its launcher said:\n${this.lastWords()}`);
  }

  lastWords() {
    return fs.existsSync(this.log) ? fs.readFileSync(this.log, 'utf8').slice(-2000).trim() : '';
  }

  /** @returns {Run | undefined} */
  run() {
    try {
      return JSON.parse(fs.readFileSync(path.join(this.folder, RUN_FILE), 'utf8'));
    } catch {
      return undefined; // it does not run, or its file is being written
    }
  }

  /** An orderly stop, as by Ctrl-C. Does nothing when it does not run. */
  async stop() {
    const npm = this.#npm;
    if (!npm || this.#hasExited()) return;
    const exited = once(npm, 'exit');
    const launcher = this.run()?.launcher;
    if (launcher && isSame(launcher)) tryKill(launcher.pid, 'SIGTERM');
    else if (npm.pid) tryKill(-npm.pid, 'SIGTERM');
    const group = npm.pid;
    const late = setTimeout(() => group && tryKill(-group, 'SIGKILL'), STOPPED_WITHIN_MS);
    await exited;
    clearTimeout(late);
  }

  #hasExited() {
    return this.#npm?.exitCode !== null || this.#npm.signalCode !== null;
  }

  #isReady() {
    const instances = Object.values(this.run()?.instances ?? {});
    return (
      instances.length > 0 &&
      instances.every(({ pid, started, ready }) => pid && ready && isSame({ pid, started }))
    );
  }
}
