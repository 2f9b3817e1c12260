import { randomUUID } from 'node:crypto';
import { install } from '@parley/postgres';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { sagaMigrations } from './saga-migrations';

export const SERVICES = ['trips', 'flights', 'hotels'] as const;
export type Service = (typeof SERVICES)[number];

/** A database with the messages and, for each service, a role and a schema of its own. */
export class TripDatabase {
  private readonly name = `sagas_${randomUUID().slice(0, 8)}`;
  readonly dataSources: DataSource[] = [];

  async create(): Promise<void> {
    await this.onServer(`create database ${this.name}`);
    const client = new Client({ connectionString: this.url() });
    await client.connect();
    for (const service of SERVICES) {
      await client.query(
        `create role ${this.role(service)} login password 'spec'; create schema ${service} authorization ${this.role(service)}`,
      );
      await client.query(`alter role ${this.role(service)} set search_path = ${service}`);
    }
    await install(
      client,
      SERVICES.map((service) => ({ role: this.role(service), service })),
    );
    await client.end();
  }

  /** @param url of the service, where it is not the direct one */
  async connect(service: Service, url = this.url(this.role(service))): Promise<DataSource> {
    const migrations = service === 'trips' ? sagaMigrations : [];
    const dataSource = await new DataSource({
      type: 'postgres',
      url,
      migrations,
      poolSize: 6,
      connectTimeoutMS: 10_000, // as a service's: a connection may be lost while it is made
    }).initialize();
    await dataSource.runMigrations();
    this.dataSources.push(dataSource);
    return dataSource;
  }

  /** Resolves when a session of this database waits for the lock of another one. */
  async blocked(): Promise<void> {
    const client = new Client({ connectionString: this.url() });
    await client.connect();
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await client.query(waiting)).rowCount === 0) await new Promise(setImmediate);
    await client.end();
  }

  async drop(): Promise<void> {
    await Promise.all(this.dataSources.map((dataSource) => dataSource.destroy()));
    await this.onServer(
      `drop database ${this.name} with (force)`,
      ...SERVICES.map((service) => `drop role ${this.role(service)}`),
    );
  }

  url(role?: string): string {
    const url = new URL(process.env.PARLEY_TEST_POSTGRES!);
    url.pathname = `/${this.name}`;
    if (role) Object.assign(url, { username: role, password: 'spec' });
    return url.href;
  }

  role(service: Service): string {
    return `${this.name}_${service}`;
  }

  private async onServer(...statements: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: process.env.PARLEY_TEST_POSTGRES });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }
}
