import { Pool, type ClientConfig, type QueryResultRow } from 'pg';
import { bugIn, type TransportContext } from '@parley/messaging/transport';
import { PostgresUnavailableError } from '../address';
import { NotificationListener } from './notification-listener';
import { PoolerError } from './pooler';
import { NotificationSender } from './notification-sender';
import { KIT_SETTINGS, sessionPool } from './session';

type Surroundings = Pick<TransportContext, 'clock' | 'log'>;

/** A statement under a name: each connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Runs one statement, which commits by itself. */
export type Caller = Pick<Database, 'call'>;

const CONNECTIONS = 4;

/**
 * The connections of a process to one database: a few for single statements, one that listens.
 * Reference-counted: the store and the transport share them, and the last user closes them.
 */
export class Database {
  private static readonly opened = new Map<string, Database>();
  readonly listener: NotificationListener;
  readonly notifier: NotificationSender;
  readonly pool: Pool;
  private users = 0;
  private known?: string;

  private constructor(
    private readonly key: string,
    private readonly config: ClientConfig,
    surroundings: Surroundings,
  ) {
    this.pool = new Pool({
      ...config,
      ...sessionPool(KIT_SETTINGS),
      max: CONNECTIONS,
      application_name: 'parley',
    });
    this.pool.on('error', (error) =>
      surroundings.log('debug', 'postgres: an idle connection ended', { error }),
    );
    this.listener = new NotificationListener(config, surroundings);
    this.notifier = new NotificationSender((channels) => this.call(RING, [channels]), surroundings);
  }

  static open(config: ClientConfig, surroundings: Surroundings): Database {
    const key = JSON.stringify(config);
    const database = this.opened.get(key) ?? new Database(key, config, surroundings);
    this.opened.set(key, database);
    database.users++;
    return database;
  }

  /** Returns the id of the installation. @throws PostgresUnavailableError, also when there is none */
  async installation(): Promise<string> {
    return (this.known ??= await this.ask());
  }

  /** Runs one statement, which commits by itself. */
  async call<Row extends QueryResultRow>(
    { name, text }: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>({ name, text, values: [...values] });
    return rows;
  }

  async close(): Promise<void> {
    if (--this.users > 0) return;
    Database.opened.delete(this.key);
    await this.notifier.close();
    await this.listener.close();
    await this.pool.end();
  }

  private async ask(): Promise<string> {
    try {
      const [row] = await this.call<{ id: string }>(INSTALLATION);
      return row!.id;
    } catch (error) {
      if (error instanceof PoolerError) throw error;
      throw bugIn(error) ?? new PostgresUnavailableError(this.config, error);
    }
  }
}

const INSTALLATION: Statement = {
  name: 'parley_installation',
  text: 'select parley.installation_id() id',
};
const RING: Statement = { name: 'parley_ring', text: 'select parley.ring($1)' };
