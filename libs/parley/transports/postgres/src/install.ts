import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'pg';

/** A database role that may act for a service. */
export interface ServiceRole {
  readonly role: string;
  readonly service: string;
}

interface Script {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

const SCRIPTS = join(__dirname, 'sql');

/**
 * Milliseconds that a change waits for a table in use: statements that need the table meanwhile
 * queue behind the change.
 */
const LOCK_TIMEOUT_MS = 2_000;
/** Milliseconds between two attempts, and number of attempts. */
const [PAUSE_MS, ATTEMPTS] = [1_000, 40];
/** SQLSTATEs of a lock timeout and of a deadlock. */
const IN_USE = new Set(['55P03', '40P01']);

/**
 * Brings the schema `parley` of a database up to date and registers its services; existing data
 * stays. Needs a role that may create roles and schemas. Concurrent calls are safe, and services
 * may run meanwhile.
 * @param log called with a sentence when a table is in use and the installation is tried again
 */
export async function install(
  client: Client,
  services: readonly ServiceRole[],
  log: (sentence: string) => void = () => undefined,
): Promise<void> {
  await client.query(`select pg_advisory_lock(hashtext('parley.schema'))`);
  try {
    await withPatience(() => installOnce(client, services), log);
  } catch (error) {
    throw new Error(`parley could not be installed: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('parley.schema'))`);
  }
}

async function withPatience(
  work: () => Promise<void>,
  log: (sentence: string) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (!IN_USE.has(code) || attempt === ATTEMPTS) throw error;
      log(
        `parley is being installed: a table is in use (${message}); trying again in ${PAUSE_MS / 1_000} s, attempt ${attempt} of ${ATTEMPTS}`,
      );
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Installs everything in one transaction. */
async function installOnce(client: Client, services: readonly ServiceRole[]): Promise<void> {
  await client.query(
    `begin; set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local statement_timeout = 0; set local datestyle = 'ISO, MDY'`,
  );
  try {
    await createSchema(client);
    await runScripts(client);
    for (const service of services) await register(client, service);
    await grantToAll(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function createSchema(client: Client): Promise<void> {
  await client.query(`
    do $$ begin
      if not exists (select from pg_roles where rolname = 'parley_owner') then create role parley_owner nologin; end if;
    exception when duplicate_object or unique_violation then null; -- roles belong to all databases of a server
    end $$;
    do $$ begin
      if not pg_has_role(current_user, 'parley_owner', 'member') then grant parley_owner to current_user; end if;
    end $$;
    create schema if not exists parley authorization parley_owner;
    do $$ begin
      if to_regclass('parley.script') is not null then return; end if; -- to alter a table takes it from all others, also where nothing changes
      create table parley.script (name text primary key, checksum text not null);
      alter table parley.script owner to parley_owner;
    end $$`);
}

async function runScripts(client: Client): Promise<void> {
  const { rows } = await client.query<Omit<Script, 'sql'>>(
    'select name, checksum from parley.script',
  );
  const known = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  const changed = scripts().filter(({ name, checksum }) => known.get(name) !== checksum);
  if (changed.length === 0) return;
  await client.query('set local role parley_owner');
  for (const script of changed) {
    for (const statement of statementsOf(script.sql)) {
      if (known.has(script.name) && !isRepeatable(statement)) continue;
      await dropFormer(client, statement);
      await client.query(statement);
    }
    const { name, checksum } = script;
    await client.query(
      'insert into parley.script values ($1, $2) on conflict (name) do update set checksum = excluded.checksum',
      [name, checksum],
    );
  }
  await client.query('revoke execute on all functions in schema parley from public');
  await client.query('reset role');
}

function scripts(): readonly Script[] {
  const names = readdirSync(SCRIPTS).filter((name) => name.endsWith('.sql'));
  return names.sort().map((name) => {
    const sql = readFileSync(join(SCRIPTS, name), 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

/**
 * Splits a script into statements: each ends with a semicolon at the end of a line, outside of a
 * function's body.
 */
function statementsOf(sql: string): readonly string[] {
  const parts = sql.split('$$');
  const marked = parts
    .map((part, index) => (index % 2 === 0 ? part.replace(/;[ \t]*(--.*)?$/gm, ';\0') : part))
    .join('$$');
  return marked
    .split('\0')
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^[ \t]*--.*$/gm, '').trim() !== '');
}

const withoutComments = (statement: string): string =>
  statement.replace(/^(\s*--.*\n)+/, '').trimStart();

/**
 * True when a statement runs again when its script changed. Tables are created once, by the first
 * version of a script, and changed by new scripts; functions are replaced.
 */
const isRepeatable = (statement: string): boolean =>
  /^(create function|revoke|grant)\b/i.test(withoutComments(statement));

/**
 * Drops the former versions of a function: it may return with other parameters or another result,
 * which `create or replace` refuses.
 */
async function dropFormer(client: Client, statement: string): Promise<void> {
  const name = /^create function parley\.(\w+)/i.exec(withoutComments(statement))?.[1];
  if (name === undefined) return;
  const { rows } = await client.query<{ former: string }>(
    `select oid::regprocedure::text former from pg_proc where proname = $1 and pronamespace = 'parley'::regnamespace`,
    [name],
  );
  for (const { former } of rows) await client.query(`drop function ${former}`);
}

async function register(client: Client, { role, service }: ServiceRole): Promise<void> {
  await client.query(
    'insert into parley.service values ($1, $2) on conflict (role) do update set service = excluded.service',
    [role, service],
  );
  await client.query('insert into parley.queue (name) values ($1) on conflict do nothing', [
    service,
  ]);
}

async function grantToAll(client: Client): Promise<void> {
  const { rows } = await client.query<{ role: string }>(
    'select role from parley.service where exists (select from pg_roles where rolname = role)',
  );
  for (const { role } of rows) {
    const grantee = client.escapeIdentifier(role);
    await client.query(
      `grant usage on schema parley to ${grantee}; grant execute on all functions in schema parley to ${grantee}`,
    );
  }
}
