import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeLiteral } from 'pg';

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
/** Quotes a statement inside of a block; no script may contain it. */
const QUOTE = '$parley$';

/**
 * The SQL that brings the schema `parley` of a database up to date, whatever version it has, and
 * registers services; existing data stays. Runs in one transaction, as a role that may create roles
 * and schemas: in a migration of an application, for instance. `install` runs it, too.
 */
export const installationSql = (services: readonly ServiceRole[]): string =>
  [SCHEMA, changes(scripts()), ...services.map(registration), GRANTS].join('\n');

const SCHEMA = `
set local datestyle = 'ISO, MDY';
select pg_advisory_xact_lock(hashtext('parley.schema'));

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
end $$;
`;

/** A block that runs the scripts of which this version was not run here before. */
const changes = (all: readonly Script[]): string => `
do $install$
declare
  changed boolean := false;
  former regprocedure;
begin
${all.map(change).join('\n')}
  if changed then
    revoke execute on all functions in schema parley from public;
    reset role;
  end if;
end $install$;
`;

function change({ name, sql, checksum }: Script): string {
  const [script, version] = [escapeLiteral(name), escapeLiteral(checksum)];
  const isKnown = `exists (select from parley.script where name = ${script})`;
  return `
  -- ${name}
  if not exists (select from parley.script where name = ${script} and checksum = ${version}) then
    changed := true;
    set local role parley_owner;
    ${statementsOf(sql)
      .map((statement) => run(statement, isKnown))
      .join('\n    ')}
    insert into parley.script values (${script}, ${version}) on conflict (name) do update set checksum = excluded.checksum;
  end if;`;
}

function run(statement: string, isKnown: string): string {
  const execute = `execute ${QUOTE}${statement.replace(/;$/, '')}${QUOTE};`;
  if (!isRepeatable(statement)) return `if not ${isKnown} then ${execute} end if;`;
  return `${dropFormer(statement)}${execute}`;
}

/**
 * Drops the former versions of a function: it may return with other parameters or another result,
 * which `create or replace` refuses.
 */
function dropFormer(statement: string): string {
  const name = /^create function parley\.(\w+)/i.exec(withoutComments(statement))?.[1];
  if (name === undefined) return '';
  return `for former in select oid from pg_proc where proname = ${escapeLiteral(name)} and pronamespace = 'parley'::regnamespace loop
      execute format('drop function %s', former);
    end loop;
    `;
}

const registration = ({ role, service }: ServiceRole): string => `
insert into parley.service values (${escapeLiteral(role)}, ${escapeLiteral(service)}) on conflict (role) do update set service = excluded.service;
insert into parley.queue (name) values (${escapeLiteral(service)}) on conflict do nothing;`;

const GRANTS = `
do $$ declare grantee name; begin
  for grantee in select role from parley.service where exists (select from pg_roles where rolname = role) loop
    execute format('grant usage on schema parley to %I', grantee);
    execute format('grant execute on all functions in schema parley to %I', grantee);
  end loop;
end $$;
`;

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
