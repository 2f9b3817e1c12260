// The servers of a bench: started by it, on ports of their own, and ended by it.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort } from '../../tools/dev/ports.mjs';
import { usePostgres } from '../../tools/database/shared-postgres.mjs';

/** @typedef {'postgres' | 'redis' | 'rabbitmq' | 'kafka'} ServerName */

/**
 * A server that runs.
 * @typedef {object} Running
 * @property {string} url
 * @property {number} pid
 * @property {string} says version and durability
 * @property {() => Promise<unknown>} end
 */

const DATA = path.resolve(import.meta.dirname, '../../.data/bench');
const BROKERS = path.join(import.meta.dirname, '../../tools/brokers/brokers.mjs');

/** @returns {Promise<Running>} with fsync and synchronous_commit on, as `npm start` has it */
async function postgres() {
  const { url, pid, release } = await usePostgres({
    dir: path.join(DATA, 'postgres'),
    choosePort: freePort,
  });
  const settings = ['server_version', 'fsync', 'synchronous_commit', 'wal_sync_method'];
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    'select name, setting from pg_settings where name = any ($1)',
    [settings],
  );
  await client.end();
  const of = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  const says = `PostgreSQL ${of['server_version']}, fsync ${of['fsync']} (${of['wal_sync_method']}), synchronous_commit ${of['synchronous_commit']}`;
  return { url, pid: pid ?? 0, says, end: release };
}

/** The port that a broker is given by a variable, and the variable of its URL. */
const VARIABLES = {
  redis: ['REDIS_PORT', 'REDIS_URL'],
  rabbitmq: ['RABBIT_PORT', 'RABBITMQ_URL'],
  kafka: ['KAFKA_PORT', 'KAFKA_URL'],
};
/** Kafka listens on three ports in a row, RabbitMQ counts others from its own. */
const PORTS_IN_A_ROW = 4;

/**
 * @param {Exclude<ServerName, 'postgres'>} name
 * @returns {Promise<Running>}
 */
async function broker(name) {
  const [portVariable = '', urlVariable = ''] = VARIABLES[name];
  const port = await freePort();
  for (let taken = 1; taken < PORTS_IN_A_ROW; taken++) await freePort();
  const home = path.join(DATA, 'brokers');
  const env = {
    ...process.env,
    BROKERS_DIR: home,
    [portVariable]: String(port),
    RABBIT_MGMT_PORT: String(await freePort()),
  };
  /** @param {string} verb */
  const brokers = (verb) =>
    promisify(execFile)(process.execPath, [BROKERS, verb, name], { env }).catch((error) => {
      throw new Error(`${name} cannot be had here: ${error.stderr || error.message}`);
    });
  await brokers('down'); // one that an earlier bench could not end
  fs.rmSync(path.join(home, 'data', name), { recursive: true, force: true });
  const { stdout } = await brokers('up').catch(async (error) => {
    await brokers('down'); // it may have begun
    throw error;
  });
  const url = new RegExp(`^${urlVariable}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  const { pid } = JSON.parse(fs.readFileSync(path.join(home, 'run', `${name}.json`), 'utf8'));
  const says = await {
    redis: () => alwaysDurable(url),
    rabbitmq: () => rabbitmqVersion(/^RABBITMQ_MGMT=(.*)$/m.exec(stdout)?.[1] ?? ''),
    kafka: async () => 'Kafka 4.3.1 (tools/brokers), one copy, flushed when the system does',
  }[name]();
  return { url, pid, says, end: () => brokers('down') };
}

/** @param {string} management */
async function rabbitmqVersion(management) {
  const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` };
  const overview = await fetch(`${management}/api/overview`, { headers });
  const { rabbitmq_version: version } = /** @type {any} */ (await overview.json());
  return `RabbitMQ ${version}, quorum queues of one member`;
}

/**
 * tools/brokers starts Redis with one fsync a second.
 * @param {string} url
 */
async function alwaysDurable(url) {
  const client = new Redis(url);
  await client.config('SET', 'appendfsync', 'always');
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  await client.quit();
  return `Redis ${version}, appendfsync always`;
}

/** @type {Promise<Running>[]} */
const starts = [];

/**
 * @param {readonly ServerName[]} names
 * @param {Map<ServerName, Running>} running gets those that run
 */
export async function startServers(names, running) {
  for (const name of names) {
    if (running.has(name)) continue;
    console.error(`${name} is being started …`);
    const start = name === 'postgres' ? postgres() : broker(name);
    starts.push(start);
    running.set(name, await start);
  }
}

/** Ends all of them, also one that is being started. */
export async function endServers() {
  for (const start of starts.splice(0))
    await start.then(
      (server) => server.end(),
      () => undefined,
    );
}

/**
 * A database of a contestant's own: what one leaves to vacuum does not meet the others.
 * @param {string} server URL of the superuser
 * @param {string} name
 */
export async function makeDatabase(server, name) {
  await query(server, `drop database if exists ${name} with (force)`, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  await query(url.href, 'create table public.effect (run text, n int)');
  return url.href;
}

/**
 * @param {string} server
 * @param {string} name
 */
export const dropDatabase = (server, name) =>
  query(server, `drop database if exists ${name} with (force)`);

/**
 * @param {string} connectionString
 * @param {...string} statements
 * @returns {Promise<any[]>} rows of the last one
 */
export async function query(connectionString, ...statements) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    let rows = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}
