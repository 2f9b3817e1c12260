import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  CallVictim,
  hostileSuite,
  type Attributes,
  type Fate,
  goodOrder,
} from '@parley/conformance';
import { frameOf, FrameReader, MAX_MESSAGE_BYTES } from './frames';
import { helloText } from './packets';
import { tcp } from './tcp';

const victim = new CallVictim(tcp);

const open = () => victim.open();
const close = () => victim.close();

async function connected(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: victim.port });
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
}

/** The first packet that comes back after the hello, or nothing when the connection ends before. */
function answerOn(socket: Socket): Promise<string> {
  const frames = new FrameReader();
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const text of frames.read(chunk)) if (text !== helloText) resolve(text);
    });
    socket.on('close', () => resolve(''));
  });
}

/** Sends bytes over a connection of their own. */
async function answerTo(...bytes: (Buffer | string)[]): Promise<string> {
  const socket = await connected();
  const answer = answerOn(socket);
  for (const one of bytes) socket.write(one);
  const text = await answer;
  socket.destroy();
  return text;
}

function packet(body: Buffer, metadata: object): Buffer {
  const head = `{"id":"1","pattern":"${victim.contract.name}","metadata":${JSON.stringify(metadata)},"data":`;
  const length = head.length + body.toString().length + 1;
  return Buffer.concat([Buffer.from(`${length}#${head}`), body, Buffer.from('}')]);
}

const texts = (attributes: Attributes) =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );

const GOOD = Buffer.from(JSON.stringify(goodOrder.payload));

async function neighbour(): Promise<void> {
  expect(await answerTo(packet(GOOD, { id: randomUUID() }))).toContain('{"name":"Ada"}');
}

hostileSuite({
  name: 'TCP',
  type: victim.contract.name,
  good: goodOrder,
  called: true,
  attributes: 'texts',
  open,
  close,
  neighbour,
  largest: { bytes: MAX_MESSAGE_BYTES, reason: 'too-large' },
  send: async (body, attributes): Promise<Fate> => {
    const answer = await answerTo(packet(body, texts(attributes as Attributes)));
    return answer.includes('"err"') ? { refused: answer } : 'taken';
  },
});

describe('what means harm, below what TCP carries', () => {
  beforeAll(open);
  afterAll(close);
  afterEach(neighbour);

  it.each<[string, string | Buffer]>([
    ['another protocol', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a length that is no number', 'abc#{}'],
    ['a negative length', '-5#{}'],
    ['a length like a number', '1e3#{}'],
    ['a claim of 512 MiB', `${512 * 2 ** 20}#{`],
    ['a length of 1,000 digits', '9'.repeat(1_000)],
    ['bytes that are no UTF-8', Buffer.from([0x35, 0x23, 0xff, 0xfe, 0xff, 0xff, 0xff])],
    ['no JSON', '3#abc'],
    ['a packet that nests 100,000 levels', frameOf(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
    ['a pattern of nobody', frameOf('{"id":"1","pattern":"nobody","data":{}}')],
    ['a pattern that every object has', frameOf('{"id":"1","pattern":"__proto__","data":{}}')],
    ['a pattern that is an object', frameOf('{"id":"1","pattern":{"cmd":1},"data":{}}')],
  ])('is refused: %s', async (_, bytes) => {
    const answer = await answerTo(bytes, frameOf('{"id":"9","pattern":"nobody","data":{}}'));
    expect(answer).toMatch(/"(err|code)"/);
  });

  it('is not answered: an event, a number as an id, a cancellation of nothing', async () => {
    const answer = await answerTo(
      frameOf(`{"pattern":"${victim.contract.name}","data":{}}`),
      frameOf(`{"id":7,"pattern":"${victim.contract.name}","data":{}}`),
      frameOf('{"id":"1","cancel":true}'),
      frameOf('[]'),
      frameOf('null'),
      packet(GOOD, {}),
    );
    expect(answer).toContain('{"name":"Ada"}');
  });

  it('is refused: an id that is in use', async () => {
    const twice = packet(GOOD, {});
    expect(await answerTo(Buffer.concat([twice, twice]))).toContain('the id is in use');
  });

  it('is not remembered: a thousand connections that are broken off', async () => {
    for (let wave = 0; wave < 10; wave++) {
      const sockets = await Promise.all(Array.from({ length: 100 }, connected));
      for (const socket of sockets) socket.write(packet(GOOD, {}).subarray(0, 50));
      for (const socket of sockets) socket.resetAndDestroy();
      await neighbour();
    }
    expect(victim.complaints).toEqual([]);
  });
});
