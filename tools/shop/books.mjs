// npm run books: whether the books of all services agree with each other, with the payment
// provider's ledger and with the mails.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../terminal/errors.mjs';
import { findingsTable, reconciled } from './reconcile.mjs';
import { NOT_RUNNING, readRun } from '../dev/run-file.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run books [-- options]    do the books agree? Exits 1 when they do not.
  --wait SECONDS    how long to ask again while they do not, as while orders are under way (default 20)
  --help`;

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}

function read() {
  try {
    return parseArgs({
      options: { wait: { type: 'string', default: '20' }, help: { type: 'boolean' } },
    }).values;
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

const { wait, help } = read();
if (help) {
  console.log(HELP);
  process.exit(0);
}
if (!/^\d{1,5}$/.test(wait)) fail(`--wait is "${wait}", but must be a whole number of seconds`);
const run = readRun() ?? fail(NOT_RUNNING);
const findings = await reconciled(Number(wait) * 1000, run);
console.log(findingsTable(findings));
process.exitCode = findings.every(({ ok }) => ok) ? 0 : 1;
