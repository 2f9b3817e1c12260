import { withTimeout } from '@parley/messaging/transport';
import { withoutSecretsInText } from '@parley/observability';
import { sleep } from '@parley/resilience';
import type { ClientBase } from 'pg';
import {
  DataSource,
  type DataSourceOptions,
  type EntityTarget,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { migrate, type MigrateOptions, MigrationError, withMigrationLock } from './migrations';
import { prepareStatements } from './prepared';

export interface DatabaseOptions {
  readonly url: string;
  /** The service's own schema; everything of it lives there, nothing else does. */
  readonly schema: string;
  /** Names its connections among the database's sessions. */
  readonly instance: string;
  readonly entities: readonly EntityTarget<object>[];
  /** Run in this order. The list is explicit: migrations outside of it are not run. */
  readonly migrations: readonly (new () => MigrationInterface)[];
  /** Handlings at the same time; while it writes, each holds a connection. */
  readonly concurrency: number;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** Of `@parley/postgres`: gives a connection's session these settings, and has it watched. */
  readonly prepareSession: (
    client: ClientBase,
    settings: Readonly<Record<string, string>>,
  ) => Promise<void>;
  /** Of `@parley/postgres`: does the work again as long as it finds a table in use. */
  readonly withPatience: MigrateOptions['withPatience'];
}

interface Use {
  readonly connections?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A migration may take long. One connection has the lock and migrates, so neither outlives the
 * other; the second one is for migrations that ask for it.
 */
const MIGRATING: Use = {
  connections: 2,
  settings: { statement_timeout: '0', idle_in_transaction_session_timeout: '0' },
};

/** The database cannot be used; the message contains the reason and the remedy. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/**
 * Milliseconds that a start waits for a database that is not up yet. After that the process ends;
 * its supervisor may start it again.
 */
const PATIENCE_MS = 12_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** More transactions at the same time than this only wait for each other in the database. */
const MOST_TRANSACTIONS = 15;
/**
 * Beside the handlings: the relay, health, HTTP requests, and a handler that uses a second
 * connection.
 */
const SPARE_CONNECTIONS = 5;
/**
 * Milliseconds of silence until the operating system asks whether the other side is still there.
 */
const KEEP_ALIVE_AFTER_MS = 10_000;
const NOT_UP_YET =
  /ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|57P0[123]|53300|terminated unexpectedly|timeout/;

/** The service's own data: one pool, its schema brought up to date before anything uses it. */
export class Database {
  readonly dataSource: DataSource;
  private givenUp = false;

  constructor(private readonly options: DatabaseOptions) {
    this.dataSource = new DataSource(dataSourceOptions(options));
  }

  /**
   * Connects, waiting for a database that is still starting, and runs the migrations that are
   * missing.
   * @throws DatabaseError
   */
  async open(): Promise<DataSource> {
    await this.connect(performance.now() + PATIENCE_MS);
    await this.migrate();
    return this.dataSource;
  }

  async ping(): Promise<void> {
    await this.dataSource.query('select 1');
  }

  async close(): Promise<void> {
    this.givenUp = true;
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  private async connect(until: number): Promise<void> {
    let reason = new Error(`no answer within ${PATIENCE_MS / 1_000} s`);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        await withTimeout(until - performance.now(), this.dataSource.initialize(), () => reason);
        return;
      } catch (error) {
        if (this.givenUp || !isNotUpYet(error) || performance.now() + pause > until)
          throw this.refused(error);
        reason = error as Error;
        if (pause === FIRST_PAUSE_MS)
          this.options.log(
            'warn',
            `waiting for the database at ${this.address}: ${reasonOf(error)}`,
          );
        await sleep(pause);
      }
    }
  }

  /** TypeORM takes no lock: two instances that start together would both run the same migration. */
  private async migrate(): Promise<void> {
    const { schema, log, withPatience } = this.options;
    const migrating = new DataSource(dataSourceOptions(this.options, MIGRATING));
    await migrating.initialize().catch((error: unknown) => {
      throw this.refused(error);
    });
    const runner = migrating.createQueryRunner();
    const isGivenUp = () => this.givenUp;
    try {
      const work = async () => {
        await this.prepareSchema(runner);
        return migrate(migrating, runner, { log, withPatience });
      };
      const done = await withMigrationLock(runner, schema, work, { log, isGivenUp });
      if (done.length > 0) log('info', `migrated schema ${schema}: ${done.join(', ')}`);
    } catch (error) {
      const remedy =
        error instanceof MigrationError
          ? ''
          : '; nothing is kept of a migration that fails, so correct its cause and start again';
      throw new DatabaseError(
        `migrating schema ${schema} at ${this.address} failed: ${reasonOf(error)}${remedy}`,
        { cause: error },
      );
    } finally {
      await runner.release();
      await migrating.destroy();
    }
  }

  /**
   * Asked first: `create schema if not exists` takes a right that a service's role need not have
   * where its schema exists.
   */
  private async prepareSchema(runner: QueryRunner): Promise<void> {
    const [found] = (await runner.query('select 1 from pg_namespace where nspname = $1', [
      this.options.schema,
    ])) as object[];
    if (!found) await runner.query(`create schema if not exists ${quoted(this.options.schema)}`);
  }

  private refused(error: unknown): DatabaseError {
    if ((error as Error).name === 'PoolerError')
      return new DatabaseError(reasonOf(error), { cause: error });
    return new DatabaseError(
      `the database at ${this.address} cannot be used: ${reasonOf(error)}; is it running, and is DATABASE_URL right?`,
      {
        cause: error,
      },
    );
  }

  private get address(): string {
    return withoutSecretsInText(this.options.url);
  }
}

function dataSourceOptions(
  options: DatabaseOptions,
  { connections, settings = {} }: Use = {},
): DataSourceOptions {
  const { url, schema, instance, entities, migrations, concurrency, log, prepareSession } = options;
  return {
    type: 'postgres',
    url,
    schema,
    entities: [...entities] as never,
    migrations: [...migrations],
    applicationName: instance,
    poolSize: connections ?? Math.min(concurrency, MOST_TRANSACTIONS) + SPARE_CONNECTIONS,
    connectTimeoutMS: 10_000,
    extra: {
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      onConnect: async (client: ClientBase) => {
        // So that hand-written SQL and migrations need not name the schema either.
        await prepareSession(client, { search_path: quoted(schema), ...settings });
        prepareStatements(client);
      },
    },
    installExtensions: false,
    synchronize: false,
    logging: false,
    poolErrorHandler: (error: Error) =>
      log('warn', `a connection to the database was lost: ${error.message}`),
  };
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const codeOf = (error: unknown): string => String((error as { code?: unknown })?.code ?? '');
const isNotUpYet = (error: unknown): boolean =>
  NOT_UP_YET.test(codeOf(error)) || NOT_UP_YET.test(reasonOf(error));

/**
 * Reads AggregateErrors, too: connecting to a name with two addresses fails with one whose message
 * is empty.
 */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return withoutSecretsInText(
    error instanceof Error ? error.message || codeOf(error) : String(error),
  );
}
