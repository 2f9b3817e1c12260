// A shop in a folder of its own, which may hold another version: started by the launcher of that
// version, found by the run file that it writes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { isSame, tryKill } from '../dev/process-tree.mjs';
import { hasExited, isReady, lastWords, ready, runIn } from './launched-shop.mjs';

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
   * @param {{ lookEveryMs?: number }} [options] how often it is looked whether they are
   * @throws with the last lines of the launcher
   */
  async start(technologies, { lookEveryMs } = {}) {
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
    await ready(this.#npm, {
      log: this.log,
      withinMs: READY_WITHIN_MS,
      lookEveryMs,
      isReady: () => isReady(this.run()),
    });
  }

  lastWords() {
    return lastWords(this.log);
  }

  /** @returns {Run | undefined} */
  run() {
    return runIn(this.folder);
  }

  /** An orderly stop, as by Ctrl-C. Does nothing when it does not run. */
  async stop() {
    const npm = this.#npm;
    if (!npm || hasExited(npm)) return;
    const exited = once(npm, 'exit');
    const launcher = this.run()?.launcher;
    if (launcher && isSame(launcher)) tryKill(launcher.pid, 'SIGTERM');
    else if (npm.pid) tryKill(-npm.pid, 'SIGTERM');
    const group = npm.pid;
    const late = setTimeout(() => group && tryKill(-group, 'SIGKILL'), STOPPED_WITHIN_MS);
    await exited;
    clearTimeout(late);
  }
}
