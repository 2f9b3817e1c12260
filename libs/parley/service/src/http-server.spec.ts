import { Agent, get as request, type IncomingMessage, type RequestListener } from 'node:http';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { freePort } from '@parley/conformance';
import { HttpServer } from './http-server';
import { Lifecycle } from './lifecycle';

const lifecycle = () => new Lifecycle();
let life: Lifecycle;
let door: HttpServer;
const agent = new Agent({ keepAlive: true });

async function get(
  path: string,
  headers = {},
): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
  const [response] = (await once(
    request(`${door.address}${path}`, { agent, headers }),
    'response',
  )) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode!, body, headers: response.headers };
}

async function openWith(app?: RequestListener): Promise<void> {
  life = lifecycle();
  door = new HttpServer(life, (_, response) => response.end('operations'));
  if (app) door.serverFactory(app);
  await door.listen('127.0.0.1', 0);
}

/** Everything received until the other side closes. */
async function received(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.on('error', () => undefined); // reset by the other side; `close` follows
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

afterEach(() => door.close());
afterAll(() => agent.destroy());

describe('front door', () => {
  it('answers for the process in every phase, and for the application only while it runs', async () => {
    await openWith((_, response) => response.end('application'));
    const answers = async () => [(await get('/health/ready')).body, (await get('/orders')).status];
    expect(await answers()).toEqual(['operations', 503]);
    life.enter('running');
    expect(await answers()).toEqual(['operations', 200]);
    life.enter('draining', 'stopping the intakes');
    expect(await answers()).toEqual(['operations', 503]);
  });

  it('says why it takes no request, and when to come back', async () => {
    await openWith();
    life.enter('starting', 'waiting for the database');
    expect(await get('/orders')).toMatchObject({
      status: 503,
      body: expect.stringContaining('starting: waiting for the database'),
      headers: { 'retry-after': '1', connection: 'close' },
    });
  });

  it('takes nothing else for its own: /healthy belongs to the application', async () => {
    await openWith((_, response) => response.end('application'));
    life.enter('running');
    expect((await get('/healthy')).body).toBe('application');
  });

  it('hides metrics and operations from the door that strangers reach, if they have one of their own', async () => {
    life = lifecycle();
    life.enter('running');
    door = new HttpServer(life, (_, response) => response.end('operations'));
    door.serverFactory((_, response) => response.end('application'));
    await door.listen('127.0.0.1', 0, { operationsPort: 0 });
    expect(
      await Promise.all(
        ['/health/ready', '/metrics', '/operations/dead-letters'].map(
          async (path) => (await get(path)).body,
        ),
      ),
    ).toEqual(['operations', 'application', 'application']);
  });

  it('answers metrics and operations nowhere, when strangers reach its port and no other one is given', async () => {
    life = lifecycle();
    life.enter('running');
    door = new HttpServer(life, (_, response) => response.end('operations'));
    door.serverFactory((_, response) => response.end('application'));
    await door.listen('127.0.0.1', 0, { toStrangers: true });
    const bodies = await Promise.all(
      ['/health/ready', '/metrics', '/operations/status'].map(
        async (path) => (await get(path)).body,
      ),
    );
    expect(bodies).toEqual(['operations', 'application', 'application']);
  });

  it('answers them on the port that strangers reach when it is told so', async () => {
    const port = await freePort();
    life = lifecycle();
    life.enter('running');
    door = new HttpServer(life, (_, response) => response.end('operations'));
    door.serverFactory((_, response) => response.end('application'));
    await door.listen('127.0.0.1', port, { operationsPort: port, toStrangers: true });
    expect((await get('/operations/status')).body).toBe('operations');
  });

  it('answers metrics and operations on loopback, also when strangers reach the other port from everywhere', async () => {
    const operationsPort = await freePort();
    life = lifecycle();
    door = new HttpServer(life, (_, response) => response.end('operations'));
    await door.listen('0.0.0.0', 0, { operationsPort, toStrangers: true });
    const answer = await fetch(`http://127.0.0.1:${operationsPort}/metrics`);
    expect(await answer.text()).toBe('operations');
    // An address of loopback, too, which a listener on all addresses would answer.
    await expect(fetch(`http://127.0.0.2:${operationsPort}/metrics`)).rejects.toThrow();
  });

  it('closes connections beyond the most it may have, and takes new ones when one is gone', async () => {
    life = lifecycle();
    life.enter('running');
    door = new HttpServer(life, (_, response) => response.end('operations'), { maxConnections: 2 });
    await door.listen('127.0.0.1', 0);
    const port = Number(new URL(door.address).port);
    const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    expect(await received(port, 'GET /health/live HTTP/1.1\r\nhost: door\r\n\r\n')).toBe('');
    held[0]!.destroy();
    await once(held[0]!, 'close');
    let text = '';
    while (text === '')
      text = await received(
        port,
        'GET /health/live HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n',
      );
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    held[1]!.destroy();
  });

  it('waits for open requests, and gives up on them when their time is over', async () => {
    let finish!: () => void;
    const arrived = new Promise<void>((resolve) =>
      openWith((_, response) => ((finish = () => response.end()), resolve())).then(
        () => (life.enter('running'), void get('/slow')),
      ),
    );
    await arrived;
    expect(await door.idle(10)).toBe(false);
    const idle = door.idle(60_000);
    finish();
    expect(await idle).toBe(true);
  });

  it('ends streams, whose readers come back elsewhere', async () => {
    await openWith(
      (_, response) =>
        void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\n\n'),
    );
    life.enter('running');
    const stream = get('/events', { accept: 'text/event-stream' });
    await once(door.httpServer, 'request');
    expect(await door.idle(60_000)).toBe(true);
    expect((await stream).body).toBe('id: 1\n\n');
  });

  it('is not held open by connections that are kept alive', async () => {
    await openWith((_, response) => response.end());
    life.enter('running');
    await get('/');
    await door.close();
    expect(door.address).toBe('closed');
  });

  it('holds no request whose headers or body never come', async () => {
    life = lifecycle();
    life.enter('running');
    door = new HttpServer(life, (_, response) => response.end('operations'), {
      headersTimeout: 100,
      requestTimeout: 200,
      connectionsCheckingInterval: 50,
    });
    door.serverFactory((request, response) =>
      request.resume().on('end', () => response.end('application')),
    );
    await door.listen('127.0.0.1', 0, { operationsPort: 0 });
    const held = [
      'POST / HTTP/1.1\r\nhost: door\r\ncontent-length: 10\r\n\r\nhalf',
      'GET / HTTP/1.1\r\nhost: door\r\n',
    ];
    const answers = await Promise.all(
      held.map((bytes) => received(Number(new URL(door.address).port), bytes)),
    );
    expect(answers.map((text) => text.split('\r\n')[0])).toEqual([
      'HTTP/1.1 408 Request Timeout',
      'HTTP/1.1 408 Request Timeout',
    ]);
    expect((await get('/')).body).toBe('application');
  });

  it('gives a request 10 s for its headers and 30 s in all', async () => {
    await openWith((_, response) => response.end());
    expect(door.httpServer).toMatchObject({ headersTimeout: 10_000, requestTimeout: 30_000 });
  });

  it('says which port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    door = new HttpServer(lifecycle(), () => undefined);
    await expect(door.listen('127.0.0.1', port)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken; stop what listens there or set PORT`,
    );
    other.close();
  });
});
