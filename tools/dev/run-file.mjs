// .data/run.json: what runs now. Other tools read it to find the system; the next start reads it to
// end what a killed start left behind.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame, startedAt, tryKill } from './process-tree.mjs';
import { Mistake } from './start-options.mjs';

export const RUN_FILE = '.data/run.json';

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
 */
export function writeRun(run) {
  fs.mkdirSync(path.dirname(RUN_FILE), { recursive: true });
  fs.writeFileSync(`${RUN_FILE}.new`, JSON.stringify(run, null, 2), { mode: 0o600 });
  fs.renameSync(`${RUN_FILE}.new`, RUN_FILE);
}

export const removeRun = () => fs.rmSync(RUN_FILE, { force: true });

export const identity = (pid) => ({ pid, started: startedAt(pid) });

/** Refuses a second start beside a living one. */
export function checkAlone() {
  const run = readRun();
  if (run && isSame(run.launcher))
    throw new Mistake(
      `Parley runs already (pid ${run.launcher.pid}): stop that one first, by Ctrl-C there or "kill ${run.launcher.pid}" here.`,
    );
}

/** Ends the processes of a start that was killed; says how many there were. */
export async function endLeftovers(patience = 8000) {
  const left = Object.values(readRun()?.instances ?? {}).filter(
    (instance) => instance.pid && isSame(instance),
  );
  for (const { pid } of left) tryKill(pid, 'SIGTERM');
  for (const until = Date.now() + patience; Date.now() < until && left.some(isSame);)
    await sleep(50);
  for (const instance of left.filter(isSame)) tryKill(instance.pid, 'SIGKILL');
  removeRun();
  return left.length;
}
