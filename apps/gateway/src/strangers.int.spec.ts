import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { install } from '@parley/postgres';
import { Client } from 'pg';

jest.setTimeout(60_000);

const ROOT = join(__dirname, '../../..');
const SUPERUSER = process.env['PARLEY_TEST_POSTGRES']!;
const role = `gateway_${randomUUID().slice(0, 8)}`;

let gateway: ChildProcess;

beforeAll(async () => {
  await withClient(SUPERUSER, async (server) => {
    await server.query(`create database ${role}`);
    await server.query(`create role ${role} login password 'secret'`);
  });
  const own = Object.assign(new URL(SUPERUSER), { pathname: `/${role}` });
  await withClient(own.href, (database) => install(database, [{ role, service: 'gateway' }]));
  const BROADCASTS_URL = Object.assign(own, { username: role, password: 'secret' }).href;
  gateway = spawn(
    process.execPath,
    ['-r', '@swc-node/register', join(ROOT, 'apps/gateway/src/main.ts')],
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], PORT: '0', BROADCASTS_URL },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
});

afterAll(async () => {
  gateway.kill('SIGKILL');
  await once(gateway, 'exit');
  await withClient(SUPERUSER, async (server) => {
    await server.query(`drop database ${role} with (force)`);
    await server.query(`drop role ${role}`);
  });
});

it('the port of the customers answers neither operations nor metrics', async () => {
  const url = await readyAt();
  const statusOf = async (path: string) => (await fetch(`${url}${path}`)).status;
  expect(await statusOf('/health/live')).toBe(200);
  for (const path of ['/operations/status', '/operations/dead-letters', '/metrics'])
    expect([path, await statusOf(path)]).toEqual([path, 404]);
});

async function readyAt(): Promise<string> {
  for await (const line of createInterface({ input: gateway.stdout! })) {
    const url = /gateway is ready at (http:[^"]+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('the gateway ended before it was ready');
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await work(client).finally(() => client.end());
}
