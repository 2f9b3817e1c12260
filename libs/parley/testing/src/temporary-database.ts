import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';

/**
 * A database of its own in the PostgreSQL that tests are given, with the schema `parley` and a role
 * for one service: what `testService(…, { on: 'postgres' })` works on.
 */
export class TemporaryDatabase {
  private constructor(
    private readonly adminUrl: string,
    private readonly name: string,
  ) {}

  /** @param adminUrl of a role that may create databases and roles */
  static async create(adminUrl: string, service: string): Promise<TemporaryDatabase> {
    const { install } = await import('@parley/postgres');
    const database = new TemporaryDatabase(adminUrl, `test_${randomUUID().slice(0, 8)}`);
    const { name } = database;
    await database.onServer(async (server) => {
      await server.query(`create database ${name}`);
      await server.query(`create role ${name} login password 'test'`);
      await server.query(`grant create on database ${name} to ${name}`);
    });
    await database.onServer((server) => install(server, [{ role: name, service }]), name);
    return database;
  }

  /** Of the service's role; it may create schemas here, for its tables. */
  get url(): string {
    const url = new URL(this.adminUrl);
    [url.pathname, url.username, url.password] = [`/${this.name}`, this.name, 'test'];
    return url.href;
  }

  /** Runs SQL of an administrator: tables of an application that has no migrations. */
  query(sql: string): Promise<void> {
    return this.onServer(async (server) => void (await server.query(sql)), this.name);
  }

  /** Connections that are still open are ended. */
  async drop(): Promise<void> {
    await this.onServer(async (server) => {
      await server.query(`drop database ${this.name} with (force)`);
      await server.query(`drop role ${this.name}`);
    });
  }

  private async onServer(work: (server: Client) => Promise<unknown>, name?: string): Promise<void> {
    const { Client } = await import('pg');
    const url = new URL(this.adminUrl);
    if (name !== undefined) url.pathname = `/${name}`;
    const server = new Client({ connectionString: url.href });
    await server.connect();
    await work(server).finally(() => server.end());
  }
}
