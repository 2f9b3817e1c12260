import { Client, type ClientBase, type ClientConfig, type PoolConfig, type QueryResult } from 'pg';
import { refuseSharedSessions } from './pooler';
import { silences } from './silence';

/** Milliseconds until an attempt to connect, or the wait for a free connection of a pool, fails. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds of one statement of a service's own, unless its URL says `statement_timeout`. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** Of the kit's own statements, all of them short. */
const KIT_STATEMENT_TIMEOUT_MS = 10_000;
/**
 * Shorter than a lease: a transaction that nobody drives any more ends before its message is
 * somebody else's.
 */
const IDLE_IN_TRANSACTION = '25s';

/** Settings of PostgreSQL by name, as `set` takes them. */
export type Settings = Readonly<Record<string, string>>;

/**
 * How values look as text. Databases and roles may have other defaults; the kit and its users read
 * these.
 */
const STYLE: Settings = {
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  client_encoding: 'UTF8',
  array_nulls: 'on',
};

/**
 * What a statement does and how long anything may take. The server, too, finds out that its client
 * is gone.
 */
const LIMITS: Settings = {
  default_transaction_isolation: 'read committed',
  statement_timeout: String(STATEMENT_TIMEOUT_MS),
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
  idle_session_timeout: '0',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '25s',
};

/** Of the kit's own connections, whose statements name the schema. */
export const KIT_SETTINGS: Settings = {
  search_path: 'pg_catalog',
  statement_timeout: String(KIT_STATEMENT_TIMEOUT_MS),
};

/**
 * Styles are always set, limits unless the URL sets them; what this version of PostgreSQL does not
 * know is passed over. The first statement is for defaults so short that the second one would not
 * end in time.
 */
const prepareText = (client: ClientBase, settings: Settings): string => {
  const given = JSON.stringify(records(settings));
  return `${hasStatementTimeout(client) ? '' : 'set statement_timeout = 0; '}select pg_backend_pid() pid, (select count(set_config(s.name, given.value, false))
  from json_to_recordset(${client.escapeLiteral(given)}) as given (name text, value text, style boolean)
  join pg_settings s on lower(s.name) = given.name and (given.style or s.source <> 'client'))`;
};

/** In its URL. */
function hasStatementTimeout(client: ClientBase): boolean {
  const { statement_timeout: timeout, options } = (
    client as unknown as {
      readonly connectionParameters: {
        readonly statement_timeout?: unknown;
        readonly options?: string;
      };
    }
  ).connectionParameters;
  return Boolean(timeout) || /statement_timeout/.test(options ?? '');
}

const prepared = new WeakSet<ClientBase>();

/** Whether `prepareSession` was told of this connection. */
export const isPrepared = (client: ClientBase): boolean => prepared.has(client);

/**
 * Sets what a connection's session needs, whatever the defaults of database and role are, and from
 * now on destroys the connection when the network has lost it. To be called before its first
 * statement; statements sent meanwhile come after it.
 * @throws PoolerError where transactions of others use the same session
 */
export async function prepareSession(client: ClientBase, settings: Settings = {}): Promise<void> {
  prepared.add(client);
  const session = silences.watch(client);
  const results: QueryResult<{ pid: number }> | QueryResult<{ pid: number }>[] = await client.query(
    prepareText(client, { ...LIMITS, ...settings }),
  );
  session.pid = [results].flat().at(-1)!.rows[0]!.pid;
  await refuseSharedSessions(client, session.pid);
}

const records = (settings: Settings): object[] => [
  ...Object.entries(STYLE).map(([name, value]) => ({ name, value, style: true })),
  ...Object.entries(settings).map(([name, value]) => ({ name, value, style: false })),
];

/** Of a pool whose connections are prepared before they are used. */
export const sessionPool = (settings: Settings = {}): PoolConfig => ({
  ...SOCKET,
  onConnect: (client) => prepareSession(client, settings),
});

/** One connection, prepared. Attach listeners in `meanwhile`: it may be lost at any time. */
export async function openSession(
  config: ClientConfig,
  settings: Settings,
  meanwhile: (client: Client) => void,
): Promise<Client> {
  const client = new Client({ ...config, ...SOCKET });
  meanwhile(client);
  try {
    await client.connect();
    await prepareSession(client, settings);
    return client;
  } catch (error) {
    client.end().catch(() => undefined);
    throw error;
  }
}

const SOCKET = {
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
};
