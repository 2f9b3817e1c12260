import { Client, type ClientBase } from 'pg';
import { sameTarget, targetOf } from './silence';

/** Milliseconds for which a pooler that has no second connection to give is waited for. */
const ANSWER_WITHIN_MS = 2_000;
/** A pooler may hand out its connections in turn: once would not show it. */
const ROUNDS = 3;

/** Between the kit and PostgreSQL is a pooler that gives each transaction another session. */
export class PoolerError extends Error {
  override readonly name = 'PoolerError';
  constructor(place: string) {
    super(
      `at ${place} is a pooler that gives each transaction another session, so that neither LISTEN nor advisory locks, prepared statements or settings ` +
        'work; set its pool mode to session (pgbouncer: pool_mode = session), or let the URL point to PostgreSQL itself',
    );
  }
}

/** Targets with a pooler whose sessions are ours alone. */
const known = new Set<string>();

/**
 * A pooler makes up the process id that the protocol tells, so only where it differs is there
 * something to find out: while one connection is in a transaction, another one's session must still
 * be the one it was.
 * @throws PoolerError
 */
export async function refuseSharedSessions(client: ClientBase, pid: number): Promise<void> {
  const { processID } = client as unknown as { readonly processID: number | null };
  if (processID === pid) return;
  const { key, place } = targetOf(client);
  if (known.has(key)) return;
  if (await shares(client)) throw new PoolerError(place);
  known.add(key);
}

async function shares(client: ClientBase): Promise<boolean> {
  const other = new Client(sameTarget(client, ANSWER_WITHIN_MS));
  other.on('error', () => undefined);
  try {
    await other.connect();
    for (let round = 0; round < ROUNDS; round++) {
      const before = await pidOf(client);
      await other.query('begin');
      await other.query('select 1');
      const after = await pidOf(client);
      await other.query('rollback');
      if (before !== after) return true;
    }
    return false;
  } catch (error) {
    if (error instanceof NoAnswerError || isRefusal(error)) return true;
    throw error;
  } finally {
    other.end().catch(() => undefined);
  }
}

class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** In a pool of one connection the other's transaction has it. */
async function pidOf(client: ClientBase): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>(
    (_, reject) =>
      (timer = setTimeout(() => reject(new NoAnswerError('no answer')), ANSWER_WITHIN_MS)),
  );
  const asked = client
    .query<{ pid: number }>('select pg_backend_pid() pid')
    .then(({ rows }) => rows[0]!.pid);
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

/** Poolers of single statements refuse transactions. */
const isRefusal = (error: unknown): boolean =>
  /transaction blocks? not allowed|not allowed in statement pooling/i.test(
    (error as Error).message,
  );
