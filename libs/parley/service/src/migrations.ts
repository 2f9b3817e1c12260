import type { withPatience } from '@parley/postgres';
import { sleep } from '@parley/resilience';
import { type DataSource, type Migration, MigrationExecutor, type QueryRunner } from 'typeorm';

/**
 * Longest wait of a migration for a table in use: statements that need the table meanwhile queue
 * behind the migration.
 */
const LOCK_TIMEOUT = '2s';
/**
 * Milliseconds that a start waits for another instance that migrates: longer than all attempts of a
 * migration take.
 */
const PATIENCE_MS = 300_000;
const ASKED_AGAIN_AFTER_MS = 250;
const FIRST_WARNING_AFTER_MS = 2_000;
const NEXT_WARNING_AFTER_MS = 30_000;

type Log = (level: 'info' | 'warn', message: string) => void;

/** The migrations cannot be run now; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface MigrationLockOptions {
  readonly log: Log;
  /** True when the process ends: nothing is waited for any more. */
  readonly isGivenUp?: () => boolean;
  /** Milliseconds. */
  readonly patience?: number;
}

/**
 * Does the work while no other instance migrates the schema. PostgreSQL releases the lock with the
 * runner's session. Asks for it again and again: a statement that waits for a lock would hold up
 * the holder's `create index concurrently`.
 * @throws MigrationError when another session keeps the lock
 */
export async function withMigrationLock<T>(
  runner: QueryRunner,
  schema: string,
  work: () => Promise<T>,
  { log, isGivenUp = () => false, patience = PATIENCE_MS }: MigrationLockOptions,
): Promise<T> {
  const since = performance.now();
  let warnAt = FIRST_WARNING_AFTER_MS;
  while (!(await lock(runner, schema))) {
    const waited = performance.now() - since;
    if (isGivenUp()) throw new MigrationError('the process ends');
    if (waited > patience) throw keptBy(await holderOf(runner, schema), patience);
    if (waited > warnAt) {
      const holder = await holderOf(runner, schema);
      if (holder)
        log('warn', `waiting for another instance that migrates schema ${schema}: ${holder.told}`);
      warnAt = waited + NEXT_WARNING_AFTER_MS;
    }
    await sleep(ASKED_AGAIN_AFTER_MS);
  }
  try {
    return await work();
  } finally {
    await runner.query('select pg_advisory_unlock_all()').catch(() => undefined);
  }
}

const lockName = (schema: string): string => `parley.migrate.${schema}`;

async function lock(runner: QueryRunner, schema: string): Promise<boolean> {
  const [row] = (await runner.query('select pg_try_advisory_lock(hashtext($1)) as locked', [
    lockName(schema),
  ])) as [{ locked: boolean }];
  return row.locked;
}

interface Holder {
  readonly pid: number;
  /** Its name and what its session does, for people. */
  readonly told: string;
}

/** The session that has the lock; undefined when it was released meanwhile. */
async function holderOf(runner: QueryRunner, schema: string): Promise<Holder | undefined> {
  const [holder] = (await runner.query(
    `select pid, coalesce(nullif(application_name, ''), 'a session without a name') || ' (pid ' || pid || coalesce(', ' || state, '') || ')' as told
      from pg_locks join pg_stat_activity using (pid)
      where locktype = 'advisory' and granted and objsubid = 1
        and pg_locks.database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32) | objid::bigint = hashtext($1)::bigint`,
    [lockName(schema)],
  )) as Holder[];
  return holder;
}

const keptBy = (holder: Holder | undefined, patience: number): MigrationError =>
  new MigrationError(
    `${holder?.told ?? 'another instance'} has been migrating it for more than ${patience / 1_000} s; let it finish${holder ? `, or, when that process is frozen, end its session with select pg_terminate_backend(${holder.pid})` : ''}, and start again`,
  );

export interface MigrateOptions {
  readonly log: Log;
  /** Of `@parley/postgres`: does the work again as long as it finds a table in use. */
  readonly withPatience: typeof withPatience;
  readonly attempts?: number;
}

/**
 * Runs the migrations that are missing, each in a transaction, on the runner's session. A migration
 * that finds a table in use lets others have it, and is tried again.
 * @returns the names of those that were run
 */
export async function migrate(
  dataSource: DataSource,
  runner: QueryRunner,
  { log, withPatience, attempts }: MigrateOptions,
): Promise<readonly string[]> {
  const executor = new MigrationExecutor(dataSource, runner);
  const missing = await executor.getPendingMigrations();
  for (const migration of missing) {
    // Outside of a transaction, what it did before it failed would be done twice.
    if (migration.instance?.transaction === false) await executor.executeMigration(migration);
    else
      await withPatience(() => inTransaction(executor, runner, migration), {
        waits: (reason, next) =>
          log('warn', `${migration.name} waits: a table is in use (${reason}); ${next}`),
        givenUp: (reason, times, cause) =>
          new MigrationError(
            `${migration.name} found a table in use, ${times} times (${reason}); end the transaction that uses it, the oldest by xact_start in pg_stat_activity, and start again`,
            { cause },
          ),
        attempts,
      });
  }
  return missing.map(({ name }) => name);
}

async function inTransaction(
  executor: MigrationExecutor,
  runner: QueryRunner,
  migration: Migration,
): Promise<void> {
  await runner.startTransaction();
  try {
    await runner.query(
      `select set_config('lock_timeout', case current_setting('lock_timeout') when '0' then '${LOCK_TIMEOUT}' else current_setting('lock_timeout') end, true)`,
    );
    await executor.executeMigration(migration);
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}
