// The one database of the embedded default: a role and a schema for each service, and the schema of
// the messages.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import pg from 'pg';
import { topology } from '../topology/topology.mjs';

const INSTALLER = 'dist/libs/parley/transports/postgres/src/install.js';

const withData = () => topology.flatMap(({ name, data }) => (data ? [{ name, data }] : []));

/** The roles of a database, each with a schema of its own. */
export const roles = () => withData().map(({ name }) => name);

/**
 * The variable in which a password is given from outside: a container, an `.env`, a secret.
 * @param {string} role
 */
export const passwordVariable = (role) =>
  `PARLEY_${role.toUpperCase().replaceAll('-', '_')}_PASSWORD`;

/**
 * A password per role, made once and kept (mode 600).
 * @param {string} file
 * @returns {Record<string, string>}
 */
export function keptPasswords(file) {
  const kept = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  const all = Object.fromEntries(
    roles().map((name) => [name, kept[name] ?? randomBytes(18).toString('base64url')]),
  );
  fs.writeFileSync(file, JSON.stringify(all, null, 2), { mode: 0o600 });
  return all;
}

/**
 * @param {Record<string, string>} secret
 * @param {string} role
 */
function passwordOf(secret, role) {
  const password = secret[role];
  if (password === undefined) throw new Error(`the role ${role} was given no password`);
  return password;
}

/**
 * The name of the connected database, as an identifier.
 * @param {pg.Client} client
 */
function databaseOf(client) {
  if (client.database === undefined) throw new Error('the client is not connected yet');
  return client.escapeIdentifier(client.database);
}

/**
 * Idempotent: what is there stays, except the password. Only a superuser makes schemas for roles
 * that it is no member of.
 * @param {pg.Client} client
 * @param {{ name: string, data: string }} process
 * @param {string} password
 */
function roleStatements(client, { name, data }, password) {
  const role = client.escapeIdentifier(name);
  const schema = client.escapeIdentifier(data);
  return `
    do $$ begin
      if not exists (select from pg_roles where rolname = ${client.escapeLiteral(name)}) then create role ${role} login; end if;
      if not exists (select from pg_namespace where nspname = ${client.escapeLiteral(data)}) then
        if current_setting('is_superuser') = 'off' then grant ${role} to current_user; end if;
        create schema ${schema} authorization ${role};
        if current_setting('is_superuser') = 'off' then revoke ${role} from current_user; end if;
      end if;
    end $$;
    alter role ${role} login password ${client.escapeLiteral(password)};
    alter role ${role} set search_path = ${schema};
    grant connect on database ${databaseOf(client)} to ${role};`;
}

/**
 * Since PostgreSQL 16, who makes a role may grant it, but not act as it: that has to be granted,
 * too.
 */
const OWNER_STATEMENTS = `
  do $$ begin
    if not exists (select from pg_roles where rolname = 'parley_owner') then create role parley_owner nologin; end if;
  exception when duplicate_object or unique_violation then null; -- made this moment for another database of the same server
  end $$;
  do $$ begin
    if current_setting('is_superuser') = 'off' then grant parley_owner to current_user; end if;
  end $$;`;

/**
 * PostgreSQL's grants to everybody are taken back first: a role sees its own schema and nothing
 * else.
 * @param {pg.Client} client
 */
function publicStatements(client) {
  const database = databaseOf(client);
  return `revoke all on database ${database} from public; revoke all on schema public from public;`;
}

/** @param {pg.Client} client */
async function installMessages(client) {
  const file = path.resolve(INSTALLER);
  if (!fs.existsSync(file))
    throw new Error(`${INSTALLER} is missing: the build has to come first (npm run build).`);
  const { install } = createRequire(import.meta.url)(file);
  await install(
    client,
    withData().map(({ name }) => ({ role: name, service: name })),
    console.log,
  );
}

/**
 * @param {string} superuser
 * @param {string} role
 * @param {string} password
 */
function urlFor(superuser, role, password) {
  const url = new URL(superuser);
  url.username = role;
  url.password = password;
  return url.href;
}

/**
 * @param {pg.Client} client of a role that may create roles, and schemas in this database
 * @param {Record<string, string>} secret service → password of its role
 */
export async function installServices(client, secret) {
  // Two that start at the same time (nx serve twice) take turns.
  await client.query(`select pg_advisory_lock(hashtext('parley.install'))`);
  const each = withData().map((process) =>
    roleStatements(client, process, passwordOf(secret, process.name)),
  );
  await client.query(publicStatements(client) + OWNER_STATEMENTS + each.join(''));
  await installMessages(client);
}

/**
 * @param {string} superuser
 * @param {string} passwordFile
 * @returns {Promise<Record<string, string>>} service → URL with its own role
 */
export async function installDatabase(superuser, passwordFile) {
  const secret = keptPasswords(passwordFile);
  const client = new pg.Client({ connectionString: superuser });
  await client.connect();
  try {
    await installServices(client, secret);
  } finally {
    await client.end();
  }
  return Object.fromEntries(
    roles().map((name) => [name, urlFor(superuser, name, passwordOf(secret, name))]),
  );
}
