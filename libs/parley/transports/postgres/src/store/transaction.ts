import {
  AlreadyHandledError,
  type Ending,
  IdConflictError,
  LaneParkedError,
  LeaseLostError,
  type Tx,
} from '@parley/messaging/transport';
import type { Socket } from 'node:net';
import type { ClientBase, QueryResult } from 'pg';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { Statement } from '../connection/database';
import { beforeCommit, connectionBroke, underCommit } from '../connection/outage';
import { isPrepared, prepareSession } from '../connection/session';

/**
 * PostgreSQL replied to COMMIT with ROLLBACK: an earlier statement had failed and its error was
 * swallowed.
 */
export class RolledBackError extends Error {
  override readonly name = 'RolledBackError';
  constructor() {
    super(
      'the transaction was rolled back instead of committed: one of its statements had failed and its error was caught; let such errors through',
    );
  }
}

interface Open {
  readonly runner: QueryRunner;
  readonly client: ClientBase;
  /** The statement on which the commit depends was sent. */
  fenced: boolean;
  over: boolean;
  /** Start, by performance.now(). */
  readonly began: number;
}

/** Milliseconds by which a transaction's start at the server may be later than here. */
const ROUND_TRIP_MS = 1_000;
/** The transaction's age distinguishes the session from a later one with the same process id. */
const TERMINATE =
  'select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and usename = current_user and xact_start <= clock_timestamp() - $2::interval';

const transactions = new WeakMap<QueryRunner, Open>();

/**
 * Runs `work` in a READ COMMITTED transaction on a connection of the pool. BEGIN, and `last` with
 * the COMMIT behind it, cost no round trips of their own: statements are sent without waiting for
 * earlier replies. When `ending` ends, the connection is destroyed, which frees its place in the
 * pool.
 */
export async function transaction<T>(
  dataSource: DataSource,
  work: (tx: Tx) => Promise<T>,
  last?: (tx: Tx) => Promise<void>,
  ending?: Ending,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  let forget: (() => void) | undefined;
  try {
    const open = await begin(runner);
    forget = ending?.onEnd(() => destroy(dataSource, open));
    try {
      if (ending?.ended) throw ending.ended;
      const result = await work(runner.manager);
      await commit(open, last);
      return result;
    } catch (error) {
      const isOpen = !open.over;
      await rollback(open);
      throw isOpen ? beforeCommit(meaningOf(error)) : meaningOf(error);
    }
  } finally {
    forget?.();
    await runner.release();
  }
}

/** Runs a statement in the open transaction, prepared once per connection. */
export async function statement(
  tx: Tx,
  { name, text }: Statement,
  values: unknown[],
): Promise<QueryResult> {
  const client = openOf(tx)?.client ?? (await connectionOf(tx));
  return client.query({ name, text, values });
}

/**
 * Runs the transaction's last statement, which fails when nothing may be committed. It is sent at
 * once, so that the COMMIT can follow without waiting for its reply. Call it first in `last`, and
 * do nothing after it.
 */
export function fence(tx: Tx, { name, text }: Statement, values: unknown[]): Promise<void> {
  const open = openOf(tx);
  if (open) open.fenced = true;
  const sent = open
    ? open.client.query({ name, text, values })
    : statement(tx, { name, text }, values);
  return sent.then(nothing, (error) => {
    throw meaningOf(error);
  });
}

const nothing = () => undefined;

async function begin(runner: QueryRunner): Promise<Open> {
  const client = (await runner.connect()) as ClientBase;
  Object.assign(client, { pipeline: true });
  if (!isPrepared(client)) prepareSession(client).catch(nothing); // a DataSource created elsewhere
  // Not awaited: if BEGIN fails, so does the next statement on this connection. Corked until the
  // end of this turn of the event loop: the handler's first statement usually comes within it, and
  // both are sent as one packet.
  const stream = streamOf(client);
  stream.cork();
  setImmediate(() => stream.uncork());
  client.query('begin isolation level read committed').catch(nothing);
  // The state that QueryRunner.startTransaction would set, so that repositories join the
  // transaction and nested transactions become savepoints.
  Object.assign(runner, { isTransactionActive: true, transactionDepth: 1 });
  const open = { runner, client, fenced: false, over: false, began: performance.now() };
  transactions.set(runner, open);
  return open;
}

async function commit(open: Open, last?: (tx: Tx) => Promise<void>): Promise<void> {
  if (open.over) throw new Error('the transaction is over; its connection was destroyed');
  open.fenced = false;
  const stream = streamOf(open.client);
  stream.cork();
  const acknowledged = last?.(open.runner.manager);
  if (!open.fenced) {
    stream.uncork();
    await acknowledged;
    stream.cork();
  }
  const ended = end(open, 'commit');
  stream.uncork();
  const [fenced, committed] = await Promise.allSettled([acknowledged, ended]);
  // Both were sent: a connection that broke under the fence may have delivered the COMMIT, too.
  if (fenced.status === 'rejected') throw underCommit(fenced.reason);
  if (committed.status === 'rejected') throw underCommit(committed.reason);
  if (committed.value.command !== 'COMMIT') throw new RolledBackError();
}

/** The connection's socket; writes while it is corked are sent together. */
const streamOf = (client: ClientBase): Socket =>
  (client as unknown as { connection: { stream: Socket } }).connection.stream;

async function rollback(open: Open): Promise<void> {
  if (open.over) return;
  // A connection that cannot even roll back is broken, and TypeORM has seen its error.
  await end(open, 'rollback').catch(nothing);
}

/**
 * Ends an abandoned transaction by destroying its connection; the pool learns of it by the error. A
 * statement that still runs at the server would not notice for long, so its session is ended, too.
 */
function destroy(dataSource: DataSource, open: Open): void {
  const age = performance.now() - open.began - ROUND_TRIP_MS;
  open.over = true;
  streamOf(open.client).destroy();
  const { processID } = open.client as ClientBase & { readonly processID?: number };
  dataSource.query(TERMINATE, [processID, `${Math.max(0, age)} ms`]).catch(nothing);
}

async function end(open: Open, by: 'commit' | 'rollback'): Promise<QueryResult> {
  open.over = true;
  const ended = open.client.query(by);
  Object.assign(open.runner, { isTransactionActive: false, transactionDepth: 0 });
  return ended;
}

function openOf(tx: Tx): Open | undefined {
  const runner = (tx as EntityManager).queryRunner;
  const open = runner && transactions.get(runner);
  if (runner?.isReleased)
    throw open?.over === false
      ? connectionBroke()
      : new Error('the transaction is over; await everything that a handler starts');
  return open;
}

/**
 * The connection of a transaction that was begun elsewhere: by TypeORM, or by hand on a connection
 * of pg.
 */
async function connectionOf(tx: Tx): Promise<ClientBase> {
  const runner = (tx as EntityManager).queryRunner;
  return runner ? ((await runner.connect()) as ClientBase) : (tx as ClientBase);
}

/** Translates errors raised by the schema's functions into the kit's errors. */
export function meaningOf(error: unknown): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message: string };
  if (code === 'PL001' || code === 'PY001') return new LeaseLostError(message, { cause: error });
  if (code === 'PL003') return new IdConflictError(message);
  if (code === 'PL002' || code === 'PY002')
    return new AlreadyHandledError(message, { cause: error });
  if (code === 'PY003') return new LaneParkedError(message, { cause: error });
  return error;
}
