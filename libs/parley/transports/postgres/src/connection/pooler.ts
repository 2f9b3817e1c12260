import { Client, type ClientBase } from 'pg';
import { sameTarget, targetOf } from './silence';

/** Milliseconds to wait for a pooler that has no second connection to give. */
const ANSWER_WITHIN_MS = 2_000;
/**
 * Checks per connection: a pooler may hand out its connections in turn, so one check may miss it.
 */
const ROUNDS = 3;

/** A pooler between the kit and PostgreSQL gives each transaction another session. */
export class PoolerError extends Error {
  override readonly name = 'PoolerError';
  constructor(place: string) {
    super(
      `at ${place} is a pooler that gives each transaction another session, so that neither LISTEN nor advisory locks, prepared statements or settings ` +
        'work; set its pool mode to session (pgbouncer: pool_mode = session), or let the URL point to PostgreSQL itself',
    );
  }
}

/** Targets with a pooler that keeps one session per connection. */
const known = new Set<string>();

/**
 * Refuses a pooler that shares sessions between transactions. A pooler invents the process id of
 * the protocol, so the check is needed only where that id differs from the backend's: while another
 * connection is in a transaction, the backend of this one must stay the same.
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

/** Rejects after 2 s: in a pool of one connection, the other client's transaction occupies it. */
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

/** Statement poolers refuse transactions. */
const isRefusal = (error: unknown): boolean =>
  /transaction blocks? not allowed|not allowed in statement pooling/i.test(
    (error as Error).message,
  );
