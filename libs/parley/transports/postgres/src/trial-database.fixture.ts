import { randomUUID } from 'node:crypto';
import { Client, Pool } from 'pg';
import { DataSource } from 'typeorm';
import { install } from './install';

/**
 * A database of its own in the PostgreSQL that tests are given, with the schema installed and a
 * role for each service.
 */
export class TrialDatabase {
  private constructor(
    readonly name: string,
    readonly admin: Pool,
    private readonly services: string[],
  ) {}

  static async create(services: readonly string[]): Promise<TrialDatabase> {
    const name = `trial_${randomUUID().slice(0, 8)}`;
    await onServer((server) => server.query(`create database ${name}`));
    const admin = new Pool({ connectionString: at(name), max: 4 });
    admin.on('error', () => undefined);
    const database = new TrialDatabase(name, admin, [...services]);
    for (const service of services)
      await admin.query(`create role "${database.roleOf(service)}" login password 'trial'`);
    await database.install();
    await admin.query(
      'create table public.effect (number bigserial primary key, lane text, n int, by text)',
    );
    await admin.query('grant all on public.effect, public.effect_number_seq to public');
    return database;
  }

  async install(): Promise<void> {
    const client = new Client({ connectionString: at(this.name) });
    await client.connect();
    await install(
      client,
      this.services.map((service) => ({ role: this.roleOf(service), service })),
    );
    await client.end();
  }

  /** Registers one more service. */
  async admit(service: string): Promise<void> {
    if (this.services.includes(service)) return;
    this.services.push(service);
    const role = this.roleOf(service);
    await this.admin.query(`create role "${role}" login password 'trial'`);
    await this.admin.query('insert into parley.service values ($1, $2)', [role, service]);
    await this.admin.query('insert into parley.queue (name) values ($1) on conflict do nothing', [
      service,
    ]);
    await this.admin.query(
      `grant usage on schema parley to "${role}"; grant execute on all functions in schema parley to "${role}"`,
    );
  }

  roleOf(service: string): string {
    return `${this.name}_${service}`;
  }

  /** Connects as a service; `program` names its connections for `cut`. */
  url(service: string, program = service): string {
    const url = new URL(at(this.name));
    url.username = this.roleOf(service);
    url.password = 'trial';
    url.searchParams.set('application_name', program);
    return url.href;
  }

  dataSource(service: string, program = service): DataSource {
    return new DataSource({ type: 'postgres', url: this.url(service, program), poolSize: 12 });
  }

  async empty(): Promise<void> {
    await this.admin.query(
      `truncate public.effect, parley.message, parley.parked, parley.lane, parley.later, parley.dead, parley.audit, parley.inbox, parley.outbox, parley.replay_run, parley.replay_letter`,
    );
  }

  async drop(): Promise<void> {
    await this.admin.end();
    await onServer(async (server) => {
      await server.query(`drop database ${this.name} with (force)`);
      for (const service of this.services)
        await server.query(`drop role "${this.roleOf(service)}"`);
    });
  }
}

function at(database: string): string {
  const url = new URL(process.env.PARLEY_TEST_POSTGRES ?? missing());
  url.pathname = `/${database}`;
  return url.href;
}

function missing(): never {
  throw new Error(
    'PARLEY_TEST_POSTGRES is not set; run the tests by `npm test` or through the root jest.config.js',
  );
}

async function onServer(work: (server: Client) => Promise<unknown>): Promise<void> {
  const server = new Client({ connectionString: process.env.PARLEY_TEST_POSTGRES ?? missing() });
  await server.connect();
  await work(server).finally(() => server.end());
}
