// .data/run.json: what runs now. Other tools read it to find the system; the next start reads it to
// end what a killed start left behind.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame, startedAt, tryKill } from './process-tree.mjs';
import { Mistake } from '../terminal/errors.mjs';

/** @import { Instance } from '../topology/environment.mjs' */
/** @import { ProcessIdentity } from './process-tree.mjs' */

/**
 * An instance in the run file; without a pid it is not running at the moment.
 * @typedef {Instance & Partial<ProcessIdentity> & { log: string, ready: boolean }} RunningInstance
 */

/**
 * The run file: `npm start` writes it, the other tools read it.
 * @typedef {object} Run
 * @property {ProcessIdentity} launcher
 * @property {number} basePort
 * @property {Partial<Record<string, string>>} environment the variables that all processes share
 * @property {string} [gatewayUrl] undefined when it was left out by `--only`, as the next
 * @property {string} [operationsToken]
 * @property {{ issuer: string, clientId: string }} [identityProvider] of a start with log-ins
 * @property {string} providerUrl
 * @property {string} mailUrl
 * @property {string} [mailDir] undefined when mails go to a server
 * @property {string} databaseUrl of the superuser
 * @property {string} commandsUrl
 * @property {string} broadcastsUrl
 * @property {string} eventsUrl
 * @property {number | undefined} postgresPid
 * @property {string} [postgresStarted]
 * @property {Record<string, RunningInstance>} instances by their names
 */

export const RUN_FILE = '.data/run.json';

export const NOT_RUNNING = 'Parley is not running: type "npm start" in another terminal first.';
export const NO_GATEWAY = 'The gateway does not run: it is not among the services of --only.';

/** @returns {Run | undefined} */
export function readRun() {
  try {
    return JSON.parse(fs.readFileSync(RUN_FILE, 'utf8'));
  } catch {
    return undefined; // nothing runs, or it was cut short while writing: then its ports are found taken
  }
}

/**
 * Written aside and renamed, so that a reader never sees half of it. Mode 600: it holds the
 * superuser's URL.
 * @param {Run} run
 */
export function writeRun(run) {
  fs.mkdirSync(path.dirname(RUN_FILE), { recursive: true });
  fs.writeFileSync(`${RUN_FILE}.new`, JSON.stringify(run, null, 2), { mode: 0o600 });
  fs.renameSync(`${RUN_FILE}.new`, RUN_FILE);
}

export const removeRun = () => fs.rmSync(RUN_FILE, { force: true });

/**
 * @param {number} pid
 * @returns {ProcessIdentity}
 */
export const identity = (pid) => ({ pid, started: startedAt(pid) });

/** Refuses a second start beside a living one. */
export function checkAlone() {
  const run = readRun();
  if (run && isSame(run.launcher))
    throw new Mistake(
      `Parley runs already (pid ${run.launcher.pid}): stop that one first, by Ctrl-C there or "kill ${run.launcher.pid}" here.`,
    );
}

/**
 * Ends the processes of a start that was killed; says how many there were.
 * @param {number} [patience]
 */
export async function endLeftovers(patience = 8000) {
  const left = Object.values(readRun()?.instances ?? {}).filter(
    (instance) => instance.pid && isSame(instance),
  );
  for (const { pid } of left) tryKill(pid, 'SIGTERM');
  for (const until = performance.now() + patience; performance.now() < until && left.some(isSame);)
    await sleep(50);
  for (const instance of left.filter(isSame)) tryKill(instance.pid, 'SIGKILL');
  removeRun();
  return left.length;
}
