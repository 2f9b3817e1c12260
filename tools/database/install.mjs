// npm run install-database -- --url postgres://admin:password@host:5432/parley: what `npm start`
// does for the embedded PostgreSQL, for any other (15 or later): a role and a schema for each
// service, and the schema of the messages. Says what it did; run again, it does what is missing. An
// administrator need not be a superuser: CREATEROLE and the database are enough.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { installServices, keptPasswords, passwordVariable, roles } from './database.mjs';
import { checkFolders } from '../dev/private-folder.mjs';
import { codeOf, messageOf, Mistake } from '../terminal/errors.mjs';
import { topology } from '../topology/topology.mjs';

const HELP = `npm run install-database -- --url <url> [--passwords <file>]

  --url        of an administrator; or in INSTALL_URL, where a process list does not show it
  --passwords  where the passwords of the roles are kept, made when missing (default .data/passwords.json).
               Not used when the environment has them all: PARLEY_ORDERS_PASSWORD, PARLEY_CATALOG_PASSWORD …`;

const OLDEST = 15;
const PATIENCE_MS = 60_000;
const NOT_UP_YET = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', '57P03']);

function parsed() {
  const options = /** @type {const} */ ({
    url: { type: 'string' },
    passwords: { type: 'string', default: '.data/passwords.json' },
    help: { type: 'boolean' },
  });
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Mistake(`${messageOf(error)}\n\n${HELP}`);
  }
}

function readOptions() {
  const values = parsed();
  const url = values.url ?? process.env.INSTALL_URL ?? '';
  if (!values.help && !/^postgres(ql)?:\/\//.test(url))
    throw new Mistake(`Which database? It is given as a URL.\n\n${HELP}`);
  return { ...values, url };
}

/**
 * All from the environment, or all from the file: half of each would be an oversight.
 * @param {string} file
 */
function passwords(file) {
  const given = new Map(
    roles().flatMap((role) => {
      const password = process.env[passwordVariable(role)];
      return password ? [[role, password]] : [];
    }),
  );
  if (given.size === roles().length)
    return { from: 'the environment', secret: Object.fromEntries(given) };
  if (given.size > 0) {
    const missing = roles().filter((role) => !given.has(role));
    throw new Mistake(
      `The environment has passwords for some roles only: set ${missing.map(passwordVariable).join(', ')}, too.`,
    );
  }
  checkFolders([path.dirname(file)]);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  return {
    from: `${file}, where each service's DATABASE_URL takes it from`,
    secret: keptPasswords(file),
  };
}

/**
 * @param {string} connectionString
 * @returns {Promise<pg.Client>}
 */
async function connected(connectionString) {
  for (const until = performance.now() + PATIENCE_MS; ; await sleep(500)) {
    const client = new pg.Client({ connectionString });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const reason = error instanceof AggregateError ? error.errors[0] : error; // a name with two addresses fails twice
      if (!NOT_UP_YET.has(codeOf(reason) ?? '') || performance.now() > until)
        throw new Mistake(`The database cannot be reached: ${messageOf(reason)}.`);
    }
  }
}

/** @param {pg.Client} client */
async function checkVersion(client) {
  const { rows } = await client.query('show server_version');
  const version = rows[0].server_version.split(' ')[0];
  if (Number.parseInt(version) < OLDEST)
    throw new Mistake(`This is PostgreSQL ${version}; Parley needs ${OLDEST} or later.`);
  return version;
}

/**
 * @param {pg.Client} client
 * @param {string} statement
 * @param {unknown[]} [values]
 * @returns {Promise<string[]>}
 */
async function names(client, statement, values) {
  const { rows } = await client.query({ text: statement, values, rowMode: 'array' });
  return rows.flat();
}

/**
 * The parts of this installation that are there.
 * @param {pg.Client} client
 * @returns {Promise<Record<string, string[]>>}
 */
async function present(client) {
  const schemas = [...topology.flatMap(({ data }) => data ?? []), 'parley'];
  const [hasScripts] = await names(client, `select to_regclass('parley.script') is not null`);
  return {
    roles: await names(client, 'select rolname from pg_roles where rolname = any($1)', [
      [...roles(), 'parley_owner'],
    ]),
    schemas: await names(client, 'select nspname from pg_namespace where nspname = any($1)', [
      schemas,
    ]),
    'scripts of the messages': hasScripts
      ? await names(
          client,
          `select name || ' ' || left(checksum, 8) from parley.script order by name`,
        )
      : [],
  };
}

/**
 * @param {Record<string, string[]>} before
 * @param {Record<string, string[]>} after
 */
function report(before, after) {
  for (const [what, all] of Object.entries(after)) {
    const made = all.filter((name) => !before[what]?.includes(name));
    console.log(
      `${what}: ${made.length ? `made or renewed ${made.join(', ')}` : `all ${all.length} were there`}`,
    );
  }
}

/** @param {{ url: string, passwords: string }} options */
async function install({ url, passwords: file }) {
  const { from, secret } = passwords(file);
  const client = await connected(url);
  try {
    const version = await checkVersion(client);
    console.log(
      `PostgreSQL ${version} at ${client.host}:${client.port}, database ${client.database}, as ${client.user}`,
    );
    const before = await present(client);
    await installServices(client, secret);
    report(before, await present(client));
    console.log(`passwords: those of ${roles().length} roles are as in ${from}`);
  } finally {
    await client.end();
  }
}

/**
 * PostgreSQL's own words, with what it advises.
 * @param {unknown} error
 */
function explained(error) {
  const sent = error instanceof Error && error.cause ? error.cause : error;
  const advice = sent instanceof pg.DatabaseError ? [sent.detail, sent.hint] : [];
  return [`The database could not be installed: ${messageOf(error)}`, ...advice]
    .filter(Boolean)
    .join('; ');
}

try {
  const options = readOptions();
  if (options.help) console.log(HELP);
  else await install(options);
} catch (error) {
  console.error(error instanceof Mistake ? error.message : explained(error));
  process.exitCode = 1;
}
