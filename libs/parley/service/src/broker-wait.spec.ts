import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@parley/conformance';
import { brokersUp, placesOf } from './broker-wait';

let server: Server | undefined;
let logged: string[];
const log = (_level: string, message: string) => void logged.push(message);

beforeEach(() => (logged = []));
afterEach(async () => {
  if (server) await once(server.close(), 'close');
  server = undefined;
});

async function listen(
  port: number,
  onConnection: (socket: Socket) => void = (socket) =>
    void socket.on('error', () => undefined).resume(),
): Promise<void> {
  server = createServer(onConnection).listen(port, '127.0.0.1');
  await once(server, 'listening');
}

describe('where a URL leads', () => {
  it.each<[string, readonly [string, number][]]>([
    ['amqp://user:se:cret@rabbit/vhost', [['rabbit', 5672]]],
    [
      'kafka://parley:secret@a:9093,b?sasl=plain',
      [
        ['a', 9093],
        ['b', 9092],
      ],
    ],
    ['redis://[::1]:6380', [['::1', 6380]]],
    ['mqtts://broker', [['broker', 8883]]],
    ['sqs://eu-central-1', []],
    ['sqs://key:secret@127.0.0.1:9324', [['127.0.0.1', 9324]]],
    ['own-technology://broker', []],
    ['own-technology://user@broker:4222/x', [['broker', 4222]]],
    ['memory://', []],
  ])('%s', (url, places) => {
    expect(placesOf(url).map(({ host, port }) => [host, port])).toEqual(places);
  });
});

describe('a start', () => {
  it('waits for a broker that does not listen yet, and says so once', async () => {
    const port = await freePort();
    const up = brokersUp(
      [`amqp://me:secret@127.0.0.1:${port}`, `amqp://me:secret@127.0.0.1:${port}`, undefined],
      { log },
    );
    let isUp = false;
    void up.then(() => (isUp = true));
    while (logged.length === 0) await new Promise(setImmediate);
    expect(isUp).toBe(false);
    await listen(port);
    await up;
    expect(logged).toEqual([
      expect.stringMatching(/^waiting for what listens at amqp:\/\/\S+:\d+: ECONNREFUSED$/),
    ]);
    expect(logged.join()).not.toContain('secret');
  });

  it('waits for a broker that hangs up while it boots', async () => {
    const port = await freePort();
    let connections = 0;
    await listen(port, (socket) => {
      socket.on('error', () => undefined);
      if (++connections < 3) socket.resetAndDestroy();
      else socket.resume();
    });
    await brokersUp([`amqp://127.0.0.1:${port}`], { log });
    expect(connections).toBe(3);
    expect(logged).toHaveLength(1);
  });

  it('goes on when one of several brokers answers, and at once when there is none to wait for', async () => {
    const port = await freePort();
    await listen(port);
    await brokersUp([`kafka://127.0.0.1:1,127.0.0.1:${port}`, 'sqs://eu-central-1', undefined], {
      log,
    });
    expect(logged).toEqual([]);
  });

  it('goes on when its patience is over: the technology says what is wrong', async () => {
    await brokersUp([`redis://127.0.0.1:${await freePort()}`], { log, patience: 300 });
    expect(logged).toHaveLength(1);
  });
});
