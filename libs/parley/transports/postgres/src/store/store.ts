import { type Store } from '@parley/messaging';
import {
  CLAIM_DAYS,
  systemClock,
  type Clock,
  type Ending,
  type TransportContext,
  type Tx,
} from '@parley/messaging/transport';
import type { ClientConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { connectionTo } from '../address';
import { PostgresCarriers } from './carriers';
import { PostgresClaimStore } from './claim-store';
import { Database } from '../connection/database';
import { PostgresInbox } from './inbox';
import { PostgresLanes } from './lanes';
import { outageOf } from '../connection/outage';
import { PostgresOutbox } from './outbox';
import { PostgresStreamPositions } from './stream-positions';
import { PostgresSubjectKeys } from './subject-keys';
import { QueueRegistry } from '../queue/queue-registry';
import { PostgresIdempotencyStore } from './idempotency-store';
import { PostgresSuspects } from './suspects';
import { transaction } from './transaction';

export interface PostgresStoreOptions {
  readonly service: string;
  readonly clock?: Clock;
  readonly log?: TransportContext['log'];
  /** Called at each step of a message that is delivered from here. */
  readonly passes?: TransportContext['passes'];
}

/** The store of a service, in the database of its data: the DataSource's. */
export class PostgresStore implements Store {
  readonly technology = 'postgres';
  readonly outbox: PostgresOutbox;
  readonly inbox: PostgresInbox;
  readonly lanes: PostgresLanes;
  readonly streamPositions: PostgresStreamPositions;
  readonly suspects: PostgresSuspects;
  readonly idempotency: PostgresIdempotencyStore;
  readonly subjectKeys: PostgresSubjectKeys;
  readonly claims: PostgresClaimStore;
  readonly outage = outageOf;
  readonly cautions: readonly string[];
  readonly carriers: PostgresCarriers;
  private readonly database: Database;
  private closing?: Promise<void>;

  constructor(
    private readonly dataSource: DataSource,
    { service, clock = systemClock, log = () => undefined, passes }: PostgresStoreOptions,
  ) {
    const config = connectionOf(dataSource);
    this.cautions = waitsForEver(dataSource) ? [NO_CONNECT_TIMEOUT] : [];
    this.database = Database.open(config, { clock, log });
    const queues = new QueueRegistry(this.database);
    this.streamPositions = new PostgresStreamPositions(this.database);
    this.suspects = new PostgresSuspects(this.database, queues);
    this.outbox = new PostgresOutbox(this.database, config, service);
    this.inbox = new PostgresInbox(queues);
    this.idempotency = new PostgresIdempotencyStore(this.database, service);
    this.subjectKeys = new PostgresSubjectKeys(this.database, false);
    this.carriers = new PostgresCarriers(this.database, service);
    this.claims = new PostgresClaimStore(
      this.database,
      { address: `the database of ${service}`, days: CLAIM_DAYS, own: false },
      { clock, log },
    );
    this.lanes = new PostgresLanes(this.database, queues, service, { clock, log, passes });
  }

  async connect(): Promise<void> {
    await this.installation();
    if (!this.dataSource.isInitialized) await this.dataSource.initialize();
  }

  installation(): Promise<string> {
    return this.database.installation();
  }

  async transaction<T>(
    work: (tx: Tx) => Promise<T>,
    last?: (tx: Tx) => Promise<void>,
    ending?: Ending,
  ): Promise<T> {
    let committed: Tx | undefined;
    const result = await transaction(this.dataSource, (tx) => work((committed = tx)), last, ending);
    this.outbox.committed(committed!);
    return result;
  }

  /** Closes the store's connections. The DataSource stays open: its creator destroys it. */
  close(): Promise<void> {
    return (this.closing ??= this.lanes.close().then(() => this.database.close()));
  }
}

const NO_CONNECT_TIMEOUT =
  'the DataSource has no connectTimeoutMS: a connection that the network loses while it is being made is waited for without an end; set it, for example to 10000';

/** True when neither TypeORM nor its pool bounds the making of a connection. */
function waitsForEver({ options }: DataSource): boolean {
  const { connectTimeoutMS, extra } = options as {
    readonly connectTimeoutMS?: number;
    readonly extra?: { readonly connectionTimeoutMillis?: number };
  };
  return !(extra?.connectionTimeoutMillis ?? connectTimeoutMS);
}

/** The store's own connections have the same target as the DataSource's. */
function connectionOf({ options }: DataSource): ClientConfig {
  if (options.type !== 'postgres')
    throw new Error(`PostgresStore needs a DataSource of type postgres, not ${options.type}`);
  const { url, host, port, username, password, database, ssl } = options;
  if (url !== undefined) return connectionTo(url, ssl);
  return {
    host: host ?? '127.0.0.1',
    port: port ?? 5432,
    user: username,
    password: password as string,
    database,
    ...(ssl !== undefined && { ssl: ssl as ClientConfig['ssl'] }),
  };
}
