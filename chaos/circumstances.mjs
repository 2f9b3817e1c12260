// Loaded into the launcher of a run, before it: gives single processes another environment. Files
// in .data/circumstances are read again at each start of a process, so that the launcher needs no
// switch for it.
import fs from 'node:fs';
import path from 'node:path';
import { startedAt } from '../tools/dev/process-tree.mjs';
import { Supervised } from '../tools/dev/supervised.mjs';
import { CIRCUMSTANCES } from './shop.mjs';

const file = (name) => path.join(CIRCUMSTANCES, `${name}.json`);

function read(name) {
  try {
    return JSON.parse(fs.readFileSync(file(name), 'utf8'));
  } catch {
    return undefined;
  }
}

/** DATABASE_PORT: another port for the same database. */
function another({ DATABASE_PORT: port, ...environment }) {
  if (port === undefined) return environment;
  const url = new URL(environment.DATABASE_URL);
  url.port = port;
  return { ...environment, DATABASE_URL: url.href };
}

const { start } = Supervised.prototype;

/**
 * `<name>.json` holds for every start, `<name>.once.json` for the next one: then
 * `<name>.armed.json` says which process has it.
 */
Supervised.prototype.start = function () {
  const { name } = this.instance;
  const once = read(`${name}.once`);
  this.usual ??= this.env;
  this.env = another({ ...this.usual, ...read(name), ...once });
  if (once) fs.rmSync(file(`${name}.once`));
  start.call(this);
  if (once)
    fs.writeFileSync(
      file(`${name}.armed`),
      JSON.stringify({ pid: this.pid, started: startedAt(this.pid) }),
    );
};
