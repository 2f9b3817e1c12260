// The one database of the embedded default: a role and a schema for each service, and the schema of the messages.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import pg from 'pg';
import { topology } from './topology.mjs';

const INSTALLER = 'dist/libs/parley/transports/postgres/src/install.js';

const withData = () => topology.filter((process) => process.data);

/** A password per role, made once and kept (mode 600). */
function passwords(file) {
  const kept = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  const all = Object.fromEntries(
    withData().map(({ name }) => [name, kept[name] ?? randomBytes(18).toString('base64url')]),
  );
  fs.writeFileSync(file, JSON.stringify(all, null, 2), { mode: 0o600 });
  return all;
}

/** Idempotent: a start installs what is missing and changes nothing else. */
function roleStatements(client, { name, data }, password) {
  const role = client.escapeIdentifier(name);
  const schema = client.escapeIdentifier(data);
  return `
    do $$ begin
      if not exists (select from pg_roles where rolname = ${client.escapeLiteral(name)}) then create role ${role} login; end if;
    end $$;
    alter role ${role} login password ${client.escapeLiteral(password)};
    create schema if not exists ${schema} authorization ${role};
    alter role ${role} set search_path = ${schema};
    grant connect on database ${client.escapeIdentifier(client.database)} to ${role};`;
}

/** What PostgreSQL grants to everybody is taken back first: a role sees its own schema and nothing else. */
function publicStatements(client) {
  const database = client.escapeIdentifier(client.database);
  return `revoke all on database ${database} from public; revoke all on schema public from public;`;
}

async function installMessages(client) {
  const file = path.resolve(INSTALLER);
  if (!fs.existsSync(file)) throw new Error(`${INSTALLER} is missing: the build has to come first (npm run build).`);
  const { install } = createRequire(import.meta.url)(file);
  await install(
    client,
    withData().map(({ name }) => ({ role: name, service: name })),
  );
}

function urlFor(superuser, role, password) {
  const url = new URL(superuser);
  url.username = role;
  url.password = password;
  return url.href;
}

/** @returns service → URL with its own role */
export async function installDatabase(superuser, passwordFile) {
  const secret = passwords(passwordFile);
  const client = new pg.Client({ connectionString: superuser });
  await client.connect();
  try {
    // Two that start at the same time (nx serve twice) take turns.
    await client.query(`select pg_advisory_lock(hashtext('parley.install'))`);
    await client.query(
      publicStatements(client) +
        withData()
          .map((process) => roleStatements(client, process, secret[process.name]))
          .join(''),
    );
    await installMessages(client);
  } finally {
    await client.end();
  }
  return Object.fromEntries(withData().map(({ name }) => [name, urlFor(superuser, name, secret[name])]));
}
