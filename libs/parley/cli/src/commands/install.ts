import type { Client } from 'pg';
import { command, type Report } from '../command-line/command';
import { RefusedError, UsageError } from '../command-line/errors';
import type { Given } from '../command-line/given';
import type { Session } from '../session';

const CONNECT_TIMEOUT_MS = 10_000;

/** The role with which a service connects to its database. */
interface ServiceRole {
  readonly service: string;
  readonly role: string;
}

const OPTIONS = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'postgres://… of an administrator; better in INSTALL_URL, which no list of processes shows',
  },
  service: {
    type: 'string',
    multiple: true,
    value: 'NAME=ROLE',
    help: 'a service and the role of its DATABASE_URL, repeated for more',
  },
  'print-sql': { type: 'boolean', help: 'prints the SQL instead, for a migration of your own' },
} as const;

export const install = command({
  name: 'install',
  summary: 'the schema parley in a database: installed or brought up to date, or as SQL',
  options: OPTIONS,
  asksServices: false,
  notes: [
    'The administrator may be any role that may create roles and schemas. What is there stays, services may run meanwhile, and',
    'it can be run again. The SQL does the same in one transaction, from any version: run it in a migration, or as',
    '  parley install --print-sql --service shop=shop_app | psql --single-transaction --variable ON_ERROR_STOP=1',
  ].join('\n'),
  async run(given, session) {
    const services = given.list('service').map(serviceRole);
    if (!given.flag('print-sql')) return installAt(urlOf(given, session), services);
    if (given.flag('json')) throw new UsageError('Either --print-sql or --json.');
    const { installationSql } = await postgresPackage();
    return { json: undefined, text: installationSql(services).trim() };
  },
});

function serviceRole(text: string): ServiceRole {
  const [, service, role] = /^([a-z][a-z0-9-]*)=(.+)$/.exec(text) ?? [];
  if (service !== undefined && role !== undefined) return { service, role };
  throw new UsageError(`--service is "${text}", but must be NAME=ROLE: shop=shop_app.`);
}

function urlOf(given: Given<'url'>, { environment }: Session): string {
  const url = given.text('url') ?? environment.installUrl ?? '';
  if (/^postgres(ql)?:\/\//.test(url)) return url;
  throw new UsageError(
    'Which database? Give it by --url postgres://…, or print SQL by --print-sql.',
  );
}

async function installAt(url: string, services: readonly ServiceRole[]): Promise<Report> {
  const [{ install: installIn, prepareSession }, { Client }] = await Promise.all([
    postgresPackage(),
    import('pg'),
  ]);
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  let lost: Error | undefined;
  client.on('error', (error) => (lost ??= error));
  try {
    await client.connect();
    await prepareSession(client); // ends the connection when the network has lost it
    await installIn(client, services);
    return reportOf(services, await missingRoles(client, services), client);
  } catch (error) {
    throw new RefusedError(reasonOf(lost ?? error)); // what follows a lost connection says less
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function missingRoles(
  client: Client,
  services: readonly ServiceRole[],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ rolname: string }>(
    'select rolname from pg_roles where rolname = any($1)',
    [services.map(({ role }) => role)],
  );
  const there = new Set(rows.map(({ rolname }) => rolname));
  return services.map(({ role }) => role).filter((role) => !there.has(role));
}

function reportOf(
  services: readonly ServiceRole[],
  missing: readonly string[],
  { host, port, database }: Client,
): Report {
  const rows = services.map(({ service, role }) => ({
    ...{ service, role, database, isGranted: !missing.includes(role) },
  }));
  const lines = [
    `The schema parley of ${database} at ${host.includes(':') ? `[${host}]` : host}:${port} is up to date.`,
    ...services.map(({ service, role }) => `The role ${role} may act for ${service}.`),
    ...(services.length === 0 ? ['No service was registered: --service NAME=ROLE does it.'] : []),
    ...missing.map((role) => `There is no role ${role} yet: create it, and install again.`),
  ];
  return { json: rows, text: lines.join('\n'), isWell: missing.length === 0 };
}

async function postgresPackage() {
  try {
    return await import('@parley/postgres');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new RefusedError(
      `install needs the packages @parley/postgres and pg beside @parley/cli; npm install puts them there (${String(error).split('\n', 1)[0]})`,
    );
  }
}

/** PostgreSQL's own words, with what it advises. A name with two addresses fails twice. */
function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return String(first);
  const origin = first.cause instanceof Error ? first.cause : first;
  const advice = ['detail', 'hint'].map((name): unknown => Reflect.get(origin, name));
  return ['The database could not be installed: ' + first.message, ...advice]
    .filter(Boolean)
    .join('; ');
}
