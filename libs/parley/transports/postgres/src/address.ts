import { hostAndPort, socketHost } from '@parley/messaging/transport';
import type { ClientConfig } from 'pg';

/** Options that pg reads from a URL. It would ignore any other option without a word. */
const OPTIONS: readonly string[] = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'uselibpqcompat',
  'ssl',
  'host',
  'port',
  'options',
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'statement_timeout',
  'query_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
];

/**
 * Parses the URL of a PostgreSQL.
 * @throws TypeError with one sentence that says what is wrong with the URL
 */
export function postgresUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || url.hash) {
    throw new TypeError(
      'this is not a PostgreSQL URL; write postgres://user:password@host:5432/database, with what is special in a password percent-encoded',
    );
  }
  const unknown = [...url.searchParams.keys()].find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined)
    throw new TypeError(
      `a PostgreSQL URL has no option "${unknown}"; it has ${OPTIONS.join(', ')}`,
    );
  return url;
}

/** The address without user and password, for messages and logs. */
export function placeOf(address: string): string {
  const { hostname, port, pathname } = postgresUrl(address);
  return `postgres://${hostAndPort(hostname, port || 5432)}${pathname}`;
}

/** Returns one form for a URL and for its parts, so that store and transport share connections. */
export function connectionTo(address: string, ssl?: unknown): ClientConfig {
  const { hostname, port, username, password, pathname, search } = postgresUrl(address);
  if (search !== '') return { connectionString: address };
  return {
    host: socketHost(hostname),
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ssl: ssl as ClientConfig['ssl'],
  };
}

/**
 * A database could not be used at start. After the start, connections are re-established without an
 * error.
 */
export class PostgresUnavailableError extends Error {
  override readonly name = 'PostgresUnavailableError';
  constructor(config: ClientConfig, cause: unknown) {
    const { user, place } = described(config);
    super(`PostgreSQL at ${place} ${explain(user, cause)}`, { cause });
  }
}

function described({ connectionString, user, host, port, database }: ClientConfig): {
  user: string;
  place: string;
} {
  if (connectionString === undefined)
    return {
      user: user ?? '',
      place: `postgres://${hostAndPort(host ?? '', port ?? 5432)}/${database}`,
    };
  return {
    user: decodeURIComponent(postgresUrl(connectionString).username),
    place: placeOf(connectionString),
  };
}

const NOT_INSTALLED = new Set(['3F000', '42883', '42501']);
const REFUSED = new Set(['28P01', '28000']);

function explain(user: string, cause: unknown): string {
  const { code = '', message } = cause as { code?: string; message?: string };
  const why = (message || code).replace(/\s+/g, ' ');
  if (NOT_INSTALLED.has(code))
    return `has no schema parley, or not for the role "${user}" (${why}); run install(), here by npm run install-database`;
  if (REFUSED.has(code)) return `refuses the user "${user}" (${why}); correct its URL`;
  if (code === '3D000') return `has no such database (${why}); create it, or correct its URL`;
  if (/terminated unexpectedly|ECONNRESET/.test(why))
    return `hangs up (${why}); is it PostgreSQL that listens there?`;
  return `cannot be reached (${why}); is it running, and does its URL point to it?`;
}
