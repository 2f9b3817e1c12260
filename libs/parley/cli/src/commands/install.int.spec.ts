import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Client } from 'pg';
import { parley } from '../command-line.fixture';

jest.setTimeout(60_000);

const DATABASE_URL = process.env['PARLEY_TEST_POSTGRES']!;

/** The way to PostgreSQL over IPv6, which may lose every byte without a sign. */
class Road {
  isSilent = false;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor() {
    const { port } = new URL(DATABASE_URL);
    this.server = createServer((near) => {
      const far = connect(Number(port), '127.0.0.1');
      this.pass(near, far);
      this.pass(far, near);
    }).listen(0, '::1');
  }

  async url(database: string): Promise<string> {
    if (!this.server.listening) await once(this.server, 'listening');
    const { port } = this.server.address() as AddressInfo;
    const host = `[::1]:${port}`;
    return Object.assign(new URL(DATABASE_URL), { host, pathname: `/${database}` }).href;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (bytes) => this.isSilent || to.write(bytes));
    from.on('close', () => this.isSilent || to.destroy());
  }
}

describe('an installation', () => {
  const database = `install_${process.pid}`;
  const server = new Client({ connectionString: DATABASE_URL });
  let road: Road;

  beforeAll(async () => {
    await server.connect();
    await server.query(`create database ${database}`);
  });
  beforeEach(() => void (road = new Road()));
  afterEach(() => road.close());
  afterAll(async () => {
    await server.query(`drop database ${database} with (force)`);
    await server.end();
  });

  it('says where it installed, an IPv6 address in brackets', async () => {
    const url = await road.url(database);
    expect(await parley(['install', '--url', url])).toMatchObject({
      code: 0,
      out: expect.stringContaining(`${database} at ${new URL(url).host} is up to date`),
    });
  });

  it('ends, and says so, when the network loses its connection without a sign', async () => {
    const url = await road.url(database);
    const other = new Client({
      connectionString: Object.assign(new URL(DATABASE_URL), { pathname: `/${database}` }).href,
    });
    await other.connect();
    await other.query("select pg_advisory_lock(hashtext('parley.schema'))");
    const installing = parley(['install', '--url', url]);
    const waits = `select from pg_stat_activity where datname = '${database}' and wait_event = 'advisory'`;
    while ((await server.query(waits)).rowCount === 0);
    road.isSilent = true;
    const { code, err } = await installing;
    expect([code, err]).toEqual([1, expect.stringMatching(/has not answered for \d+ s.* is lost/)]);
    await other.end();
  });
});
