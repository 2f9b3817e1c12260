import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from '@parley/postgres';
import { eventually, freePort, TcpProxy } from '@parley/conformance';
import { Client } from 'pg';
import { OTHERWISE } from './defaults.fixture';
import { ServiceProcess } from './service-process.fixture';

jest.setTimeout(60_000);

const SUPERUSER = process.env['PARLEY_TEST_POSTGRES']!;
const role = `greeter_${randomUUID().slice(0, 8)}`;
const running: Greeter[] = [];
let database: Client;
let DATABASE_URL: string;

beforeAll(async () => {
  const server = new Client({ connectionString: SUPERUSER });
  await server.connect();
  await server.query(`create database ${role}`);
  await server.query(`create role ${role} login password 'secret'`);
  await server.end();
  const own = Object.assign(new URL(SUPERUSER), { pathname: `/${role}` });
  database = new Client({ connectionString: own.href });
  await database.connect();
  await database.query(`create schema greeter authorization ${role}`);
  await install(database, [{ role, service: 'greeter' }]);
  DATABASE_URL = Object.assign(own, { username: role, password: 'secret' }).href;
});

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

afterAll(async () => {
  await database.end();
  const server = new Client({ connectionString: SUPERUSER });
  await server.connect();
  await server.query(`drop database ${role} with (force)`);
  await server.query(`drop role ${role}`);
  await server.end();
});

class Greeter extends ServiceProcess {
  constructor(variables: Record<string, string>) {
    super(['-r', '@swc-node/register', join(__dirname, 'serve.fixture.ts')], variables);
    running.push(this);
  }

  async url(): Promise<string> {
    return /http:\S+/.exec(await this.says('greeter is ready at'))![0];
  }

  async stop(): Promise<void> {
    this.kill('SIGKILL');
    await this.ended;
  }
}

const greeted = async (name: string): Promise<boolean> =>
  (await database.query('select from greeter.greeting where name = $1', [name])).rowCount === 1;

describe('a database or role with other defaults', () => {
  it.each(['database', 'role'])('does not change what a service does (%s)', async (whose) => {
    for (const [name, value] of Object.entries(OTHERWISE))
      await database.query(`alter ${whose} ${role} set ${name} = ${value}`);
    const service = new Greeter({ DATABASE_URL, GREET: `Zoë, of the ${whose}` });
    try {
      await service.url();
      await eventually(() => greeted(`Zoë, of the ${whose}`), 'the greeting', 15_000);
    } finally {
      await database.query(`alter ${whose} ${role} reset all`);
    }
    expect(service.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });
});

describe('IPv6', () => {
  let bridge: Server;

  /** Tests' PostgreSQL listens on IPv4. */
  beforeAll(async () => {
    const { port } = new URL(DATABASE_URL);
    bridge = createServer((near) => {
      const far = connect(Number(port), '127.0.0.1');
      near
        .on('error', () => far.destroy())
        .pipe(far.on('error', () => near.destroy()))
        .pipe(near);
    }).listen(0, '::1');
    await once(bridge, 'listening');
  });

  afterAll(() => bridge.close());

  it.each(['', '?application_name=ada'])(
    'is an address like others, of the database (with "%s") and of the service',
    async (search) => {
      const url = new URL(DATABASE_URL);
      url.host = `[::1]:${(bridge.address() as { port: number }).port}`;
      const GREET = `Ada ${search}`;
      const service = new Greeter({
        DATABASE_URL: url.href + search,
        HOST: '::1',
        CALLS_PORT: String(await freePort()),
        GREET,
      });
      const own = await service.url();
      expect(own).toMatch(/^http:\/\/\[::1\]:\d+$/);
      await eventually(() => greeted(GREET), 'the greeting');
      expect((await fetch(`${own}/health/ready`)).status).toBe(200);
    },
  );
});

describe('a network that loses open connections without a sign', () => {
  it('is named by readiness until it is overcome', async () => {
    const road = await TcpProxy.to(DATABASE_URL, 5432);
    const url = await new Greeter({ DATABASE_URL: road.along(DATABASE_URL), GREET: 'Grace' }).url();
    const ready = async () =>
      (await fetch(`${url}/health/ready`)).json() as Promise<{ status: string; error?: object }>;
    await eventually(async () => (await ready()).status === 'ok', 'it to be ready');
    road.swallow();
    const unready = await eventually(
      async () => {
        const told = await ready();
        return told.status !== 'ok' && told;
      },
      'readiness to name it',
      15_000,
    );
    // Either, by which of its connections was asked first: new ones work.
    expect(Object.keys(unready.error ?? {})).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(database|outbox)$/)]),
    );
    await eventually(async () => (await ready()).status === 'ok', 'it to be ready again', 15_000);
    await running.at(-1)!.stop();
    await road.close();
  });
});

/** In front of the tests' PostgreSQL. */
class PgBouncer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly dir: string,
    readonly url: string,
  ) {}

  static async start(mode: 'session' | 'transaction'): Promise<PgBouncer> {
    const dir = mkdtempSync(join(tmpdir(), 'parley-pgbouncer-'));
    const port = await freePort();
    const { port: behind } = new URL(DATABASE_URL);
    writeFileSync(join(dir, 'users'), `"${role}" "secret"\n`);
    writeFileSync(
      join(dir, 'ini'),
      `[databases]\n* = host=127.0.0.1 port=${behind}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = plain\nauth_file = ${join(dir, 'users')}\npool_mode = ${mode}\n`,
    );
    chmodSync(dir, 0o755); // pgbouncer refuses to run as root; its own user reads the folder
    const child = spawn(
      'pgbouncer',
      [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), join(dir, 'ini')],
      { stdio: 'ignore' },
    );
    const url = Object.assign(new URL(DATABASE_URL), { port: String(port) }).href;
    const bouncer = new PgBouncer(child, dir, url);
    await eventually(() => answers(port), 'pgbouncer to listen');
    return bouncer;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null)
      await once(this.child, 'exit');
    rmSync(this.dir, { recursive: true });
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

const offersPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0;
const skipped = offersPgBouncer
  ? ''
  : ' (not tried: pgbouncer is not installed; apt-get install pgbouncer)';

(offersPgBouncer ? describe : describe.skip)(`a pooler before PostgreSQL${skipped}`, () => {
  let bouncer: PgBouncer;
  afterEach(() => bouncer.stop());

  it('is refused at start where each transaction gets another session', async () => {
    bouncer = await PgBouncer.start('transaction');
    const service = new Greeter({ DATABASE_URL: bouncer.url });
    expect(await service.ended).toBe(1);
    expect(service.errors).toMatch(
      /^at postgres:\S+ is a pooler that gives each transaction another session, .*pool_mode = session.*\n$/,
    );
    expect(service.lines.map(({ message }) => message)).not.toContainEqual(
      expect.stringContaining('waiting for'),
    );
  });

  it('is refused as well where only messages go through it', async () => {
    bouncer = await PgBouncer.start('transaction');
    const service = new Greeter({ DATABASE_URL, COMMANDS_URL: bouncer.url });
    expect(await service.ended).toBe(1);
    expect(service.errors).toMatch(/^at postgres:\S+ is a pooler .*\n$/);
  });

  it('is fine where a session is ours as long as we are connected', async () => {
    bouncer = await PgBouncer.start('session');
    const service = new Greeter({ DATABASE_URL: bouncer.url, GREET: 'Edsger' });
    await service.url();
    await eventually(() => greeted('Edsger'), 'the greeting');
  });
});
