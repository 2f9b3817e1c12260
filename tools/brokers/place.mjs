// Folders of the brokers: downloads (lib), their data (data), their output (log), and
// who runs (run).
import fs from 'node:fs';
import path from 'node:path';
import { keepPrivate } from '../dev/private-folder.mjs';
import { isAlive, isSame, startedAt } from '../dev/process-tree.mjs';

/** @import { ProcessIdentity } from '../dev/process-tree.mjs' */

const ROOT = path.resolve(
  process.env.BROKERS_DIR ?? path.join(import.meta.dirname, '../../.data/brokers'),
);

/** The folders of one broker, and the process that was started there. */
export class Place {
  /** @param {string} name */
  constructor(name) {
    keepPrivate(ROOT);
    this.name = name;
    this.lib = path.join(ROOT, 'lib', name);
    this.data = path.join(ROOT, 'data', name);
    this.log = path.join(ROOT, 'log', `${name}.log`);
    this.run = path.join(ROOT, 'run', `${name}.json`);
    for (const dir of [
      path.dirname(this.lib),
      this.data,
      path.dirname(this.log),
      path.dirname(this.run),
    ])
      fs.mkdirSync(dir, { recursive: true });
  }

  /** @param {string} name */
  file(name) {
    return path.join(this.data, name);
  }

  /**
   * @param {string} name
   * @param {string | string[]} lines
   */
  write(name, lines) {
    fs.mkdirSync(path.dirname(this.file(name)), { recursive: true });
    fs.writeFileSync(this.file(name), `${[lines].flat().join('\n')}\n`);
    return this.file(name);
  }

  /** @param {string} name */
  has(name) {
    return fs.existsSync(this.file(name));
  }

  /**
   * Downloaded, whole, in this version.
   * @param {string} version
   */
  holds(version) {
    const mark = path.join(this.lib, '.version');
    return fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === version;
  }

  /**
   * Made beside, then moved into place: a download that broke off is never taken for a whole one.
   * @param {string} version
   * @param {(folder: string) => Promise<unknown>} download
   */
  async fill(version, download) {
    if (this.holds(version)) return;
    const unfinished = `${this.lib}.unfinished`;
    fs.rmSync(unfinished, { recursive: true, force: true });
    fs.mkdirSync(unfinished, { recursive: true });
    await download(unfinished);
    fs.writeFileSync(path.join(unfinished, '.version'), version);
    fs.rmSync(this.lib, { recursive: true, force: true });
    fs.renameSync(unfinished, this.lib);
  }

  /** @param {number} pid */
  note(pid) {
    fs.writeFileSync(this.run, JSON.stringify({ pid, started: startedAt(pid) }));
  }

  /**
   * The pid of the process we started, while it is that very process.
   * @returns {number | undefined}
   */
  get pid() {
    if (!fs.existsSync(this.run)) return undefined;
    const noted = JSON.parse(fs.readFileSync(this.run, 'utf8'));
    return isAlive(noted.pid) && isSame(noted) ? noted.pid : undefined;
  }

  /** @param {number} [lines] */
  lastWords(lines = 15) {
    return fs.existsSync(this.log)
      ? fs.readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
      : '';
  }
}
