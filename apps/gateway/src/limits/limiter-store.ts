import { sleep } from '@parley/resilience';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import {
  type IRateLimiterStoreOptions,
  type RateLimiterAbstract,
  RateLimiterPostgres,
  RateLimiterRedis,
} from 'rate-limiter-flexible';

type Options = Omit<IRateLimiterStoreOptions, 'storeClient'>;
type Report = (error: unknown) => void;

/** A store in which all instances of the edge count together. */
export interface LimiterStore {
  /** @param report called with errors outside of requests, such as those of a lost connection */
  limiter(options: Options, report: Report): RateLimiterAbstract;
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_INTERVAL_MS = 1_000;
const CONNECTIONS = 5;

/** @param url `redis://…`, `rediss://…`, `postgres://…` or `postgresql://…` */
export const storeAt = (url: string): LimiterStore =>
  url.startsWith('redis') ? new RedisLimiterStore(url) : new PostgresLimiterStore(url);

class RedisLimiterStore implements LimiterStore {
  private readonly client: Redis;
  private report: Report = () => undefined;

  constructor(url: string) {
    this.client = new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => RETRY_INTERVAL_MS,
    });
    this.client.on('error', (error) => this.report(error));
  }

  limiter(options: Options, report: Report): RateLimiterAbstract {
    this.report = report;
    return new RateLimiterRedis({
      ...options,
      storeClient: this.client,
      rejectIfRedisNotReady: true,
    });
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }
}

const TABLE = 'parley_rate_limits';
const CREATE_TABLE = `create table if not exists ${TABLE} (key varchar(255) primary key, points integer not null default 0, expire bigint)`;

/** Counts in a table, which it creates in the first schema of the role's search path. */
class PostgresLimiterStore implements LimiterStore {
  private readonly pool: Pool;
  private report: Report = () => undefined;
  private isClosed = false;

  constructor(url: string) {
    this.pool = new Pool({
      connectionString: url,
      max: CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: COMMAND_TIMEOUT_MS,
      application_name: 'gateway rate limits',
    });
    this.pool.on('error', (error) => this.report(error));
    void this.createTable();
  }

  limiter(options: Options, report: Report): RateLimiterAbstract {
    this.report = report;
    return new RateLimiterPostgres({
      ...options,
      storeClient: this.pool,
      storeType: 'pool',
      tableName: TABLE,
      tableCreated: true, // by this store; until then, requests are counted in memory
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.pool.end();
  }

  /** Tries until it succeeds: the database may start after the edge. */
  private async createTable(): Promise<void> {
    while (!this.isClosed) {
      try {
        await this.pool.query(CREATE_TABLE);
        return;
      } catch (error) {
        if (!this.isClosed) this.report(error);
        await sleep(RETRY_INTERVAL_MS, { ref: false });
      }
    }
  }
}
