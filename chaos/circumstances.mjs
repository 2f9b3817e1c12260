// Loaded into the launcher of a run, before it: gives single processes another environment. Files
// in .data/circumstances are read again at each start of a process, so that the launcher needs no
// switch for it.
import fs from 'node:fs';
import path from 'node:path';
import { startedAt } from '../tools/dev/process-tree.mjs';
import { Supervised } from '../tools/dev/supervised.mjs';
import { CIRCUMSTANCES } from './shop.mjs';

/** @param {string} name */
const file = (name) => path.join(CIRCUMSTANCES, `${name}.json`);

/**
 * @param {string} name
 * @returns {NodeJS.ProcessEnv | undefined}
 */
function read(name) {
  try {
    return JSON.parse(fs.readFileSync(file(name), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * DATABASE_PORT: another port for the same database.
 * @param {NodeJS.ProcessEnv} environment
 */
function another({ DATABASE_PORT: port, ...environment }) {
  if (port === undefined) return environment;
  const url = new URL(environment.DATABASE_URL ?? '');
  url.port = port;
  return { ...environment, DATABASE_URL: url.href };
}

const { start } = Supervised.prototype;
/** @type {WeakMap<Supervised, NodeJS.ProcessEnv>} */
const usual = new WeakMap();

/**
 * `<name>.json` holds for every start, `<name>.once.json` for the next one: then
 * `<name>.armed.json` says which process has it.
 */
Supervised.prototype.start = function () {
  const { name } = this.instance;
  const once = read(`${name}.once`);
  const before = usual.get(this) ?? this.env;
  usual.set(this, before);
  this.env = another({ ...before, ...read(name), ...once });
  if (once) fs.rmSync(file(`${name}.once`));
  start.call(this);
  if (once && this.pid !== undefined)
    fs.writeFileSync(
      file(`${name}.armed`),
      JSON.stringify({ pid: this.pid, started: startedAt(this.pid) }),
    );
};
