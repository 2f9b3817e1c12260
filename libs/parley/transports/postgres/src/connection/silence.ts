import type { Socket } from 'node:net';
import { Client, type ClientBase, type ClientConfig } from 'pg';

/** Interval at which connections that wait for a reply are checked. */
const LOOK_EVERY_MS = 1_000;
/** Checks without a byte until the server is asked whether it still runs the statement. */
const ASK_AFTER_LOOKS = 3;
/** Checks until the server is asked again about a statement that it was running. */
const ASK_AGAIN_AFTER_LOOKS = 10;
/** Time limit of asking. */
const ASK_WITHIN_MS = 4_000;
/** Checks without a byte until the connection is given up, if asking got no reply either. */
const GIVE_UP_AFTER_LOOKS = 12;

/** A statement got no reply: the network lost it, or the server died silently. */
class ConnectionSilentError extends Error {
  override readonly name = 'ConnectionSilentError';
  readonly code = 'ETIMEDOUT';
}

/** A connection that is watched. */
interface Session {
  /** Process id of the backend, once it is known. */
  pid?: number;
}

interface Watched extends Session {
  readonly client: ClientBase;
  readonly stream: Socket;
  /** Bytes written when everything had been answered. */
  answered: number;
  /** Bytes read at the last check. */
  read: number;
  /** Checks without a byte while a reply was missing. */
  silent: number;
  askAt: number;
}

/**
 * Asks whether the server still runs a statement; if not, ends its session, which releases its
 * locks.
 */
const ASK = `select pid, not through as runs, case when through then pg_terminate_backend(pid) end from (
  select pid, coalesce(state in ('idle', 'idle in transaction', 'idle in transaction (aborted)') and state_change < clock_timestamp() - interval '2 s', false) through
  from pg_stat_activity where pid = any($1) and usename = session_user) asked`;

/**
 * Finds connections that the network has lost silently: a reply is missing, no byte arrives, and
 * the server, asked over a new connection, does not run the statement. A slow statement is left
 * alone.
 */
class Silences {
  private readonly watched = new Set<Watched>();
  private timer?: NodeJS.Timeout;
  private looks = 0;

  watch(client: ClientBase): Session {
    const stream = streamOf(client);
    const session: Watched = {
      client,
      stream,
      answered: stream.bytesWritten,
      read: stream.bytesRead,
      silent: 0,
      askAt: ASK_AFTER_LOOKS,
    };
    client.on('drain', () => (session.answered = stream.bytesWritten));
    client.once('end', () => this.watched.delete(session));
    stream.once('close', () => this.watched.delete(session));
    this.watched.add(session);
    this.timer ??= this.lookLater();
    return session;
  }

  private lookLater(): NodeJS.Timeout {
    return setTimeout(() => {
      this.look();
      this.timer = this.watched.size > 0 ? this.lookLater() : undefined;
    }, LOOK_EVERY_MS).unref();
  }

  private look(): void {
    const due = new Map<string, Watched[]>();
    for (const session of this.watched) {
      if (!isSilent(session)) continue;
      if (session.silent >= GIVE_UP_AFTER_LOOKS && session.askAt === Infinity)
        destroy(session, 'nor does the server answer to a new connection');
      else if (session.silent >= session.askAt) group(due, session);
    }
    for (const sessions of due.values()) void this.ask(sessions);
  }

  private async ask(sessions: readonly Watched[]): Promise<void> {
    for (const session of sessions) session.askAt = Infinity;
    const silences = sessions.map(({ silent }) => silent);
    try {
      const running = await runningOf(sessions);
      sessions.forEach((session, i) => {
        if (session.silent < silences[i]!) return; // bytes arrived meanwhile
        if (running.has(session.pid!)) session.askAt = session.silent + ASK_AGAIN_AFTER_LOOKS;
        else destroy(session, 'and the server does not work on it any more');
      });
    } catch (error) {
      if (!isAnswer(error)) return; // no reply: given up after GIVE_UP_AFTER_LOOKS
      for (const session of sessions) session.askAt = session.silent + ASK_AFTER_LOOKS;
    }
  }
}

/** Watches all connections of this process. */
export const silences = new Silences();

/** Records the bytes read since the last check. */
function isSilent(session: Watched): boolean {
  const { stream } = session;
  const waits = stream.bytesWritten !== session.answered;
  if (waits && stream.bytesRead === session.read) return ++session.silent > 0;
  Object.assign(session, { read: stream.bytesRead, silent: 0, askAt: ASK_AFTER_LOOKS });
  return false;
}

function group(due: Map<string, Watched[]>, session: Watched): void {
  if (session.pid === undefined) return void (session.askAt = Infinity); // it was silent from the beginning
  const { key } = targetOf(session.client);
  due.set(key, [...(due.get(key) ?? []), session]);
}

function destroy({ stream, silent }: Watched, and: string): void {
  stream.destroy(
    new ConnectionSilentError(
      `PostgreSQL has not answered for ${Math.round((silent * LOOK_EVERY_MS) / 1000)} s, ${and}: the connection is lost`,
    ),
  );
}

async function runningOf(sessions: readonly Watched[]): Promise<ReadonlySet<number>> {
  const client = new Client(sameTarget(sessions[0]!.client, ASK_WITHIN_MS));
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number; runs: boolean }>(ASK, [
      sessions.map(({ pid }) => pid),
    ]);
    return new Set(rows.filter(({ runs }) => runs).map(({ pid }) => pid));
  } finally {
    client.end().catch(() => undefined);
  }
}

/** The server replied, if only that it takes no more connections. */
const isAnswer = (error: unknown): boolean =>
  (error as { severity?: unknown }).severity !== undefined;

/** Internals of a pg client. */
interface Inside {
  readonly connection: { readonly stream: Socket };
  readonly user?: string;
  readonly host: string;
  readonly port: number;
  readonly database?: string;
  readonly password?: ClientConfig['password'];
  readonly ssl: ClientConfig['ssl'];
}

const inside = (client: ClientBase): Inside => client as unknown as Inside;

const streamOf = (client: ClientBase): Socket => inside(client).connection.stream;

/**
 * Configuration of a new connection to the same target, with a time limit for connecting and for
 * each query.
 */
export function sameTarget(client: ClientBase, milliseconds: number): ClientConfig {
  const { user, host, port, database, password, ssl } = inside(client);
  return {
    user,
    host,
    port,
    database,
    password: password ?? undefined,
    ssl,
    connectionTimeoutMillis: milliseconds,
    query_timeout: milliseconds,
    application_name: 'parley asks',
  };
}

/** `key` identifies the target; `place` is for messages. */
export function targetOf(client: ClientBase): { readonly key: string; readonly place: string } {
  const { user, host, port, database } = inside(client);
  const place = `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
  return { key: `${user} ${place}`, place };
}
