import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { install } from '@parley/postgres';
import { Client } from 'pg';
import { TcpProxy } from '@parley/conformance';
import { SHORTEST_LEASE_MS } from './blocked-loop';
import { ServiceProcess } from './service-process.fixture';

jest.setTimeout(60_000);

const SUPERUSER = process.env['PARLEY_TEST_POSTGRES']!;
const role = `greeter_${randomUUID().slice(0, 8)}`;

let database: Client;
let DATABASE_URL: string;

function urlOf(name: string, user?: string): string {
  const url = new URL(SUPERUSER);
  url.pathname = `/${name}`;
  if (user !== undefined) [url.username, url.password] = [user, 'secret'];
  return url.href;
}

beforeAll(async () => {
  const server = new Client({ connectionString: SUPERUSER });
  await server.connect();
  await server.query(`create database ${role}`);
  await server.query(`create role ${role} login password 'secret'`);
  await server.end();
  database = new Client({ connectionString: urlOf(role) });
  await database.connect();
  await database.query(`create schema greeter authorization ${role}`);
  await install(database, [{ role, service: 'greeter' }]);
  DATABASE_URL = urlOf(role, role);
});

afterAll(async () => {
  await database.end();
  const server = new Client({ connectionString: SUPERUSER });
  await server.connect();
  await server.query(`drop database ${role} with (force)`);
  await server.query(`drop role ${role}`);
  await server.end();
});

class Running extends ServiceProcess {
  constructor(variables: Record<string, string>) {
    super(['-r', '@swc-node/register', join(__dirname, 'serve.fixture.ts')], variables);
  }

  async url(): Promise<string> {
    return /http:\S+/.exec(await this.says('greeter is ready at'))![0];
  }
}

async function greetings(): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    'select name from greeter.greeting order by name',
  );
  return rows.map(({ name }) => name);
}

async function get(url: string): Promise<{ status: number; body: never }> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as never };
}

describe('a service', () => {
  it('migrates, becomes ready, tells about itself, and ends with 0', async () => {
    const service = new Running({ DATABASE_URL, GREET: 'Ada' });
    const url = await service.url();
    await service.says('greeting Ada');

    expect(await get(`${url}/health/live`)).toMatchObject({ status: 200 });
    expect(await get(`${url}/health/ready`)).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        details: {
          database: { status: 'up' },
          'command (postgres)': { status: 'up' },
          outbox: { status: 'up' },
        },
      },
    });
    expect(await get(`${url}/operations/status`)).toMatchObject({
      status: 200,
      body: {
        service: 'greeter',
        phase: 'running',
        handles: { subscriptions: [{ kind: 'command', contracts: ['greeter.greet'] }] },
      },
    });
    expect(await get(`${url}/operations/backlog`)).toMatchObject({ status: 200 });
    expect(await get(`${url}/operations/dead-letters`)).toEqual({
      status: 200,
      body: { count: 0, deadLetters: [] },
    });
    expect(await get(`${url}/operations/greetings`)).toEqual({
      status: 200,
      body: [{ name: 'Ada' }],
    });
    expect(await get(`${url}/operations/greetings/Bob`)).toMatchObject({ status: 404 });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'parley_intake_consuming{kind="command",technology="postgres"} 1',
    );

    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(await greetings()).toContain('Ada');
    expect(service.errors).toBe('');
    expect(JSON.stringify(service.lines)).not.toContain('secret');
  });

  it('says within a second that its database says nothing, and is ready when it speaks again', async () => {
    const road = await TcpProxy.to(DATABASE_URL, 5432);
    const service = new Running({ DATABASE_URL: road.along(DATABASE_URL), GREET: 'Eve' });
    const url = await service.url();
    await service.says('greeting Eve');
    road.dropResponses();
    for (let status = 200; status === 200;) {
      const answer = await get(`${url}/health/ready`);
      status = answer.status; // 200 while the last good answer of the database is younger than a second
      if (status !== 200)
        expect(answer.body).toMatchObject({
          status: 'error',
          // The check was given up in less than a second, however long a busy machine took for it.
          error: {
            outbox: { status: 'down', reason: expect.stringMatching(/no answer within \d{3} ms$/) },
          },
        });
    }
    road.down();
    road.up();
    while ((await get(`${url}/health/ready`)).status !== 200);
    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    await road.close();
  });

  it('says that it stood still for longer than a lease', async () => {
    const service = new Running({ DATABASE_URL, GREET: 'Alan' });
    await service.url();
    service.kill('SIGSTOP');
    await sleep(SHORTEST_LEASE_MS + 1_500);
    service.kill('SIGCONT');
    await service.says('the event loop was blocked, or the process stopped, for 1');
    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
  });

  it('finishes what it is handling when it is told to stop', async () => {
    const service = new Running({ DATABASE_URL, GREET: 'Grace', PATIENT: 'true' });
    await service.says('greeting Grace');
    await service.url();
    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    await service.says('stopped');
    expect(await greetings()).toContain('Grace');
  });

  it('says in one sentence that its port is taken, and exits with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const service = new Running({ DATABASE_URL, PORT: String(port) });
    expect(await service.ended).toBe(1);
    expect(service.errors).toBe(
      `port ${port} on 127.0.0.1 is taken; stop what listens there or set PORT\n`,
    );
    other.close();
  });

  it('says in one sentence that its database refuses it, and exits with 1', async () => {
    const service = new Running({ DATABASE_URL: urlOf('nowhere', role) });
    expect(await service.ended).toBe(1);
    expect(service.errors).toMatch(
      /^the database at postgres\S+ cannot be used: database "nowhere" does not exist; is it running, and is DATABASE_URL right\?\n$/,
    );
    expect(service.errors).not.toContain('secret');
  });

  it('says everything that is wrong with its environment, and exits with 1', async () => {
    const service = new Running({ DATABASE_URL, PORT: 'x', PATIENT: 'maybe' });
    expect(await service.ended).toBe(1);
    expect(service.errors.trim().split('\n')).toHaveLength(2);
  });

  it('ends at once when told to stop while its database is not up yet', async () => {
    const service = new Running({ DATABASE_URL: 'postgres://greeter:secret@127.0.0.1:1/parley' });
    await service.says('waiting for the database');
    service.kill('SIGINT');
    expect(await service.ended).toBe(0);
    expect(service.errors).toBe('');
  });
});
