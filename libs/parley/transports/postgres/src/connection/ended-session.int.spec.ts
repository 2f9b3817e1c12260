import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Pool } from 'pg';
import { sessionPool } from './session';

const SERVER = process.env['PARLEY_TEST_POSTGRES']!;

/** A network by which the end of a connection arrives late, as on a machine that is busy. */
let road: Server;
const sockets = new Set<Socket>();
let pool: Pool;

beforeEach(async () => {
  const { hostname, port } = new URL(SERVER);
  road = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('data', (bytes) => to.write(bytes));
    }
  }).listen(0, '127.0.0.1');
  await once(road, 'listening');
  const url = new URL(SERVER);
  url.port = String((road.address() as AddressInfo).port);
  pool = new Pool({ connectionString: url.href, max: 1, ...sessionPool() });
  pool.on('error', () => undefined);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  road.close();
  await pool.end();
});

it('is not lent again by a pool, also before its connection is closed', async () => {
  const lent = await pool.connect();
  await expect(lent.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({
    code: '57P01',
  });
  lent.release();
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});
