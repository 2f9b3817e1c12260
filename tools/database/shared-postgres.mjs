// One embedded PostgreSQL for everybody who needs it at the same time (`npm start`, several `nx
// serve`, test runs): the first to come starts it, the last to leave stops it. Who uses it is
// written down as a file per process, so that one that was killed is noticed and not waited for.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../terminal/errors.mjs';
import { serverOf, startPostgres, stopServer } from './postgres.mjs';
import { keepPrivate } from '../dev/private-folder.mjs';
import { isAlive } from '../dev/process-tree.mjs';

/** @import { Server, Settings } from './postgres.mjs' */

/**
 * @param {string} file
 * @returns {Server | undefined}
 */
const readJson = (file) =>
  fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined;

/**
 * An empty file is being written this moment, a missing one was given back: both count as held, and
 * are asked again.
 * @param {string} file
 */
function holder(file) {
  try {
    return Number(fs.readFileSync(file, 'utf8')) || process.pid;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return process.pid;
  }
}

/**
 * A file that only one process can create; one whose maker died is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function locked(file, work) {
  for (const until = performance.now() + 60_000; ; await sleep(50)) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (!isAlive(holder(file))) fs.rmSync(file, { force: true });
      if (performance.now() > until)
        throw new Error(`${file} has been held for a minute: remove it if nothing is starting.`);
    }
  }
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/**
 * Made once and kept (mode 600) beside the data it opens.
 * @param {string} file
 */
function superuserPassword(file) {
  if (!fs.existsSync(file))
    fs.writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return fs.readFileSync(file, 'utf8').trim();
}

/** @param {string} folder */
function liveUsers(folder) {
  return fs.readdirSync(folder).filter((pid) => {
    if (isAlive(Number(pid))) return true;
    fs.rmSync(path.join(folder, pid), { force: true });
    return false;
  });
}

/**
 * @param {object} options
 * @param {string} options.dir data directory; its companions are `<dir>.users`, `.password`,
 * `.log`, `.json`
 * @param {() => Promise<number>} options.choosePort asked only when the server has to be started
 * @param {string} [options.database]
 * @param {Settings} [options.settings]
 * @returns the url of the superuser, and `release`, which stops the server when nobody else is left
 */
export async function usePostgres({ dir, choosePort, database = 'parley', settings }) {
  /** @param {string} suffix */
  const file = (suffix) => `${path.resolve(dir)}.${suffix}`;
  keepPrivate(path.dirname(path.resolve(dir)));
  fs.mkdirSync(file('users'), { recursive: true });
  const mine = path.join(file('users'), String(process.pid));

  const server = await locked(file('lock'), async () => {
    let server = readJson(file('json'));
    if (!(server && serverOf(server.data) && liveUsers(file('users')).length)) {
      server = await startPostgres({
        dir,
        choosePort,
        user: 'parley',
        password: superuserPassword(file('password')),
        database,
        settings,
      });
      fs.writeFileSync(file('json'), JSON.stringify(server), { mode: 0o600 });
    }
    fs.writeFileSync(mine, '');
    return server;
  });

  const release = () =>
    locked(file('lock'), async () => {
      fs.rmSync(mine, { force: true });
      if (liveUsers(file('users')).length) return;
      await stopServer(server.data);
      fs.rmSync(file('json'), { force: true });
    });
  return { ...server, release };
}
