import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '@parley/conformance';
import { install } from '@parley/postgres';
import { Client } from 'pg';
import { ServiceProcess } from './service-process.fixture';

const SUPERUSER = process.env['PARLEY_TEST_POSTGRES']!;

/** The guestbook's process, and a database of its own that a spec can change under it. */
export class GuestbookOnTrial {
  private constructor(
    /** Of the database, and of the service's role. */
    readonly name: string,
    readonly admin: Client,
    readonly service: ServiceProcess,
    readonly url: string,
  ) {}

  /** `argv`: arguments of Node: the sources of the guestbook, or its compiled file. */
  static async start({
    argv = ['-r', '@swc-node/register', join(__dirname, 'guestbook.fixture.ts')],
    variables = {},
  }: {
    readonly argv?: readonly string[];
    readonly variables?: Readonly<Record<string, string>>;
  } = {}): Promise<GuestbookOnTrial> {
    const name = `guestbook_${randomUUID().slice(0, 8)}`;
    await onServer(`create database ${name}`, `create role ${name} login password 'secret'`);
    const own = Object.assign(new URL(SUPERUSER), { pathname: `/${name}` });
    const admin = new Client({ connectionString: own.href });
    await admin.connect();
    await admin.query(`create schema guestbook authorization ${name}`);
    await install(admin, [{ role: name, service: 'guestbook' }]);
    const port = String(await freePort());
    const service = new ServiceProcess(argv, {
      DATABASE_URL: Object.assign(own, { username: name, password: 'secret' }).href,
      CALLS_PORT: port,
      CALLS_URL: `grpc://127.0.0.1:${port}`,
      SWC_NODE_PROJECT: 'tsconfig.base.json',
      ...variables,
    });
    const url = /http:\S+/.exec(await service.says('guestbook is ready at'))![0];
    return new GuestbookOnTrial(name, admin, service, url);
  }

  async stop(): Promise<void> {
    this.service.kill('SIGKILL');
    await this.service.ended;
    await this.admin.end();
    await onServer(`drop database ${this.name} with (force)`, `drop role ${this.name}`);
  }

  async post(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.url}/guests/${path}`, { method: 'POST' });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Kinds of handlers that wrote a row about the guest. */
  async writtenBy(name: string): Promise<readonly string[]> {
    const { rows } = await this.admin.query<{ by: string }>(
      'select by from guestbook.guest where name = $1 order by by',
      [name],
    );
    return rows.map(({ by }) => by);
  }

  /** Ends the database's sessions; new ones begin with the settings of now. */
  async endSessions(): Promise<void> {
    await this.admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
      [this.name],
    );
  }

  said(...levels: readonly string[]): readonly string[] {
    return this.service.lines
      .filter(({ level }) => levels.includes(String(level)))
      .map(({ message }) => String(message));
  }
}

async function onServer(...statements: readonly string[]): Promise<void> {
  const server = new Client({ connectionString: SUPERUSER });
  await server.connect();
  for (const statement of statements) await server.query(statement);
  await server.end();
}
