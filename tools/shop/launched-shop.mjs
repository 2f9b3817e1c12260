// A shop in a folder of its own, by the run file of its launcher.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame } from '../dev/process-tree.mjs';
import { RUN_FILE } from '../dev/run-file.mjs';

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Run } from '../dev/run-file.mjs' */

const LOOK_EVERY_MS = 250;
const LAST_WORDS = 2_000;

/**
 * @param {string} folder
 * @returns {Run | undefined} undefined when nothing runs there, or its file is being written
 */
export function runIn(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, RUN_FILE), 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {Run | undefined} run */
export function isReady(run) {
  const instances = Object.values(run?.instances ?? {});
  return instances.length > 0 && instances.every((one) => one.pid && one.ready && isSame(one));
}

/** @param {ChildProcess} child */
export const hasExited = ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null;

/**
 * The last words of a launcher.
 * @param {string} log file
 */
export const lastWords = (log) =>
  fs.existsSync(log) ? fs.readFileSync(log, 'utf8').slice(-LAST_WORDS).trim() : '';

/**
 * Resolves when the shop of this launcher is ready.
 * @param {ChildProcess} launcher
 * @param {{ log: string, withinMs: number, isReady: () => boolean, lookEveryMs?: number }} shop
 * @throws with the last words of the launcher
 */
export async function ready(launcher, { log, withinMs, isReady, lookEveryMs = LOOK_EVERY_MS }) {
  for (
    const until = performance.now() + withinMs;
    performance.now() < until;
    await sleep(lookEveryMs)
  ) {
    if (hasExited(launcher)) break;
    if (isReady()) return;
  }
  throw new Error(`The shop did not get ready. Its launcher said:\n${lastWords(log)}`);
}
