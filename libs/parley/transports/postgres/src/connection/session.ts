import type { EventEmitter } from 'node:events';
import {
  Client,
  type ClientBase,
  type ClientConfig,
  type DatabaseError,
  type PoolConfig,
  type QueryResult,
} from 'pg';
import { refuseSharedSessions } from './pooler';
import { silences } from './silence';

/** Milliseconds until connecting, or waiting for a free connection of a pool, fails. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds for one statement of a service, unless its URL has `statement_timeout`. */
const STATEMENT_TIMEOUT_MS = 60_000;
/** Milliseconds for one of the kit's own statements, all of them short. */
const KIT_STATEMENT_TIMEOUT_MS = 10_000;
/**
 * Shorter than a lease: an abandoned transaction ends before its message is leased to another
 * instance.
 */
const IDLE_IN_TRANSACTION = '25s';

/** Settings of PostgreSQL by name, as `set` takes them. */
export type Settings = Readonly<Record<string, string>>;

/**
 * Text formats of values. Databases and roles may have other defaults; the kit and its users parse
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

/** Isolation and time limits. Keepalives let the server notice that its client is gone. */
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

/** Settings of the kit's own connections: their statements name the schema. */
export const KIT_SETTINGS: Settings = {
  search_path: 'pg_catalog',
  statement_timeout: String(KIT_STATEMENT_TIMEOUT_MS),
};

/**
 * Styles are always set, limits only if the URL does not set them; settings that this version of
 * PostgreSQL does not know are skipped. The first statement lifts a default `statement_timeout`
 * that is too short for the second one to finish.
 */
const prepareText = (client: ClientBase, settings: Settings): string => {
  const given = JSON.stringify(records(settings));
  return `${hasStatementTimeout(client) ? '' : 'set statement_timeout = 0; '}select pg_backend_pid() pid, (select count(set_config(s.name, given.value, false))
  from json_to_recordset(${client.escapeLiteral(given)}) as given (name text, value text, style boolean)
  join pg_settings s on lower(s.name) = given.name and (given.style or s.source <> 'client'))`;
};

/** True when the connection's URL sets `statement_timeout`. */
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

/**
 * SQLSTATEs behind which the server closes the connection: 57P01, 57P02, 57P04, 57P05 (a session is
 * ended), 25P03, 25P04 (a transaction took too long).
 */
const ENDS_SESSION = /^(57P0[1245]|25P0[34])$/;

/**
 * Ends a connection with its session. The server closes it a little later, and a pool that lends it
 * meanwhile loses an answer.
 */
function endWithSession(client: ClientBase): void {
  const { connection } = client as unknown as { readonly connection: EventEmitter };
  connection.on('errorMessage', ({ code }: DatabaseError) => {
    if (ENDS_SESSION.test(code ?? '')) (client as Client).end().catch(() => undefined);
  });
}

const prepared = new WeakSet<ClientBase>();

/** True when `prepareSession` was called for this connection. */
export const isPrepared = (client: ClientBase): boolean => prepared.has(client);

/**
 * Applies the kit's settings to a connection, independent of the defaults of its database and role.
 * The connection ends with its session, and is destroyed when the network has lost it. Call it
 * before the first statement; statements sent meanwhile run after it.
 * @throws PoolerError where a pooler shares the session with other transactions
 */
export async function prepareSession(client: ClientBase, settings: Settings = {}): Promise<void> {
  prepared.add(client);
  endWithSession(client);
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

/** Options of a pool that prepares its connections before they are used. */
export const sessionPool = (settings: Settings = {}): PoolConfig => ({
  ...SOCKET,
  onConnect: (client) => prepareSession(client, settings),
});

/**
 * Opens one prepared connection. Attach listeners in `meanwhile`: the connection may be lost at any
 * time.
 */
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
