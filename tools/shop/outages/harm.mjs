// Outages of the running shop: each begins, and resolves with a function that ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import pg from 'pg';
import { isSame, tryKill } from '../../dev/process-tree.mjs';
import { readRun } from '../../dev/run-file.mjs';

/** @import { Run, RunningInstance } from '../../dev/run-file.mjs' */

/**
 * @typedef {object} Outage
 * @property {boolean} [isOfBroker]
 * @property {(run: Run) => string | undefined} [skip] the reason for which it is not possible here
 * @property {(run: Run) => Promise<() => Promise<void>>} begin resolves to the function that ends
 * it
 */

const nothing = async () => undefined;

/**
 * @param {Run} run
 * @param {string} service
 */
const instancesOf = (run, service) =>
  Object.values(run.instances).filter(
    (instance) => instance.service === service && instance.pid && isSame(instance),
  );

/**
 * @param {string} service
 * @returns {Outage}
 */
const hung = (service) => ({
  async begin(run) {
    const stopped = instancesOf(run, service);
    for (const { pid } of stopped) tryKill(pid, 'SIGSTOP');
    return async () => stopped.filter(isSame).forEach(({ pid }) => tryKill(pid, 'SIGCONT'));
  },
});

/**
 * The launcher starts them again.
 * @param {string} service
 * @returns {Outage}
 */
const killed = (service) => ({
  async begin(run) {
    for (const { pid } of instancesOf(run, service)) tryKill(pid, 'SIGKILL');
    return nothing;
  },
});

/**
 * PostgreSQL's processes: the postmaster, and its children.
 * @param {Run} run
 * @returns {readonly number[]}
 */
function postgresProcesses({ postgresPid }) {
  if (postgresPid === undefined) return [];
  const children = fs
    .readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && parentOf(pid) === postgresPid);
  return [postgresPid, ...children.map(Number)];
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  } catch {
    return undefined; // ended meanwhile
  }
}

/** @type {Outage} */
const frozen = {
  async begin(run) {
    const pids = postgresProcesses(run);
    for (const pid of pids) tryKill(pid, 'SIGSTOP');
    return async () => pids.forEach((pid) => tryKill(pid, 'SIGCONT'));
  },
};

/**
 * The launcher starts it again.
 * @param {NodeJS.Signals} signal
 * @returns {Outage}
 */
const postgresEnds = (signal) => ({
  async begin({ postgresPid }) {
    tryKill(postgresPid, signal);
    return nothing;
  },
});

/** @param {string} text */
async function query(text) {
  const client = new pg.Client({ connectionString: readRun()?.databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/**
 * ALTER SYSTEM runs in no transaction block, so the reload is a statement of its own; both are
 * allowed in a read-only session.
 * @param {string} text
 */
async function setReadOnly(text) {
  await query(`alter system ${text}`);
  await query('select pg_reload_conf()');
}

/** @type {Outage} */
const readOnly = {
  async begin() {
    await setReadOnly('set default_transaction_read_only = on');
    return () => setReadOnly('reset default_transaction_read_only');
  },
};

/**
 * Superusers can still connect; other roles get the error 53300.
 * @type {Outage}
 */
const outOfConnections = {
  async begin() {
    const [database] = (await query('select current_database() as name')).rows;
    await query(`alter database "${database.name}" connection limit 0`);
    await query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user and backend_type = 'client backend'`,
    );
    return async () => void (await query(`alter database "${database.name}" connection limit -1`));
  },
};

/**
 * @param {string} command
 * @param {string} name
 */
const brokers = async (command, name) => {
  const child = spawn(process.execPath, ['tools/brokers/brokers.mjs', command, name], {
    stdio: 'ignore',
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`brokers ${command} ${name} exited with ${code}`);
};

/**
 * @param {string} name
 * @param {string} scheme of its URL
 * @returns {Outage}
 */
const away = (name, scheme) => ({
  isOfBroker: true,
  skip(run) {
    const uses = [run.commandsUrl, run.broadcastsUrl, run.eventsUrl].some((url) =>
      url.startsWith(scheme),
    );
    if (!uses) return `the shop is not on ${name}`;
    return process.env.BROKERS_DIR
      ? undefined
      : 'BROKERS_DIR is not set: whose broker it is, is not known';
  },
  async begin() {
    await brokers('kill', name);
    return () => brokers('up', name);
  },
});

/** @type {Readonly<Record<string, Outage>>} */
export const OUTAGES = {
  'catalog-hung': hung('catalog'),
  'catalog-killed': killed('catalog'),
  'orders-hung': hung('orders'),
  'orders-killed': killed('orders'),
  'postgres-frozen': frozen,
  'postgres-killed': postgresEnds('SIGKILL'),
  'postgres-restarted': postgresEnds('SIGINT'),
  'postgres-read-only': readOnly,
  'postgres-full': outOfConnections,
  'redis-away': away('redis', 'redis'),
  'rabbitmq-away': away('rabbitmq', 'amqp'),
};

/**
 * The outages that a run tries.
 * @param {{ only?: string, withoutBrokers?: boolean }} options
 */
export function namesOf({ only, withoutBrokers }) {
  const names = only?.split(',') ?? Object.keys(OUTAGES);
  for (const name of names) {
    if (!OUTAGES[name]) throw new Error(`There is no outage "${name}".`);
    if (only && withoutBrokers && OUTAGES[name].isOfBroker)
      throw new Error(`${name} is an outage of a broker: --without-brokers leaves it out.`);
  }
  return withoutBrokers ? names.filter((name) => !OUTAGES[name]?.isOfBroker) : names;
}
