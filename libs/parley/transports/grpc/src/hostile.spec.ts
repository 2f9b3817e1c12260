import { randomUUID } from 'node:crypto';
import {
  connect,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import {
  CallVictim,
  hostileSuite,
  type Attributes,
  type Fate,
  goodOrder,
} from '@parley/conformance';
import { MAX_MESSAGE_BYTES, methodOf } from './codec';
import { grpc } from './grpc';

const victim = new CallVictim(grpc);
const { path } = methodOf(victim.contract);
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let attacker: Client;
let honest: Client;

async function open(): Promise<void> {
  await victim.open();
  [attacker, honest] = [0, 1].map(
    (n) =>
      new Client(`127.0.0.1:${victim.port}`, credentials.createInsecure(), {
        'grpc.primary_user_agent': `caller ${n}`,
      }),
  ) as [Client, Client];
}

async function close(): Promise<void> {
  attacker.close();
  honest.close();
  await victim.close();
}

const same = (bytes: Buffer): Buffer => bytes;

function ask(
  client: Client,
  body: Buffer,
  metadata: Metadata,
  method = path,
): Promise<Buffer | ServiceError> {
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      method,
      same,
      same,
      body,
      metadata,
      { deadline: Date.now() + 20_000 },
      (error, reply) => resolve(error ?? reply!),
    ),
  );
}

function metadataOf(attributes: Attributes): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined)
      metadata.set(
        name === 'traceparent' || name === 'baggage' ? name : `ce-${name}`,
        encodeURIComponent(String(value)),
      );
  }
  return metadata;
}

async function neighbour(): Promise<void> {
  expect(
    await ask(
      honest,
      Buffer.from(JSON.stringify(goodOrder.payload)),
      metadataOf({ id: randomUUID() }),
    ),
  ).toEqual(Buffer.from('{"name":"Ada"}'));
}

hostileSuite({
  name: 'gRPC',
  type: victim.contract.name,
  good: goodOrder,
  called: true,
  attributes: 'texts',
  open,
  close,
  neighbour,
  largest: { bytes: MAX_MESSAGE_BYTES, reason: 'RESOURCE_EXHAUSTED' },
  send: async (body, attributes): Promise<Fate> => {
    const answer = await ask(attacker, body, metadataOf(attributes as Attributes));
    if (Buffer.isBuffer(answer)) return 'taken';
    expect([status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED]).toContain(answer.code);
    return {
      refused: `${answer.message} ${String(answer.metadata.get('parley-fault-bin')[0] ?? '')}`,
    };
  },
});

/**
 * The answer to a client that keeps to no rules: the status of HTTP or of gRPC, or how the stream
 * ended.
 */
type Received = { readonly status?: number; readonly grpc?: number; readonly ended: string };

describe('what means harm, below what gRPC carries', () => {
  let session: ClientHttp2Session;
  beforeAll(open);
  afterAll(close);
  beforeEach(() => {
    session = connect(`http://127.0.0.1:${victim.port}`, {
      settings: { maxHeaderListSize: 2 ** 24 },
      maxSendHeaderBlockLength: 2 ** 24,
    });
    session.on('error', () => undefined);
  });
  afterEach(async () => {
    session.destroy();
    await neighbour();
  });

  const HEADERS = {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '5S',
    'ce-id': randomUUID(),
  };

  function stream(bytes: Buffer, headers: OutgoingHttpHeaders = {}, end = true): Promise<Received> {
    return new Promise((resolve) => {
      const received: { status?: number; grpc?: number } = {};
      const note = (got: IncomingHttpHeaders) => {
        if (got[':status'] !== undefined) received.status = Number(got[':status']);
        if (got['grpc-status'] !== undefined) received.grpc = Number(got['grpc-status']);
      };
      const done = (ended: string) => resolve({ ...received, ended });
      const request = session.request({ ...HEADERS, ...headers });
      request
        .on('response', note)
        .on('trailers', note)
        .on('error', () => undefined)
        .on('close', () => done(`stream ${request.rstCode}`));
      session.once('close', () => done('session'));
      request.resume();
      if (end) request.end(bytes);
      else request.on('end', () => request.close()).write(bytes);
    });
  }

  /** A frame that says how long it is, truly or not. */
  function frame(body: Buffer, length = body.length, compressed = 0): Buffer {
    const head = Buffer.alloc(5);
    head.writeUInt8(compressed, 0);
    head.writeUInt32BE(length, 1);
    return Buffer.concat([head, body]);
  }

  const BODY = Buffer.from(JSON.stringify(goodOrder.payload));
  const isRefused = ({ status: http, grpc: code, ended }: Received) =>
    code !== undefined ? code !== status.OK : (http ?? 0) >= 400 || ended !== 'stream 0';

  it('is heard as it is: an honest stream is answered', async () => {
    expect(await stream(frame(BODY))).toEqual({ status: 200, grpc: status.OK, ended: 'stream 0' });
  });

  it.each<[string, () => Promise<Received>]>([
    ['a frame cut short', () => stream(frame(BODY, BODY.length + 100))],
    ['half of a frame’s head', () => stream(Buffer.from([0, 0]))],
    ['a frame of another protocol', () => stream(Buffer.from('999#{"pattern":"a"}'))],
    ['a claim of 512 MiB', () => stream(frame(BODY, 512 * 2 ** 20))],
    [
      'a claim of 4 GiB, and a connection that stays',
      () => stream(frame(BODY, 0xffffffff), { 'grpc-timeout': '1S' }, false),
    ],
    ['no message', () => stream(Buffer.alloc(0))],
    ['two messages', () => stream(Buffer.concat([frame(BODY), frame(BODY)]))],
    [
      'a message that says it is packed, and is not',
      () => stream(frame(BODY, BODY.length, 1), { 'grpc-encoding': 'gzip' }),
    ],
    [
      'a message packed by nothing known',
      () => stream(frame(BODY, BODY.length, 1), { 'grpc-encoding': 'nonsense' }),
    ],
    ['100 MiB in 100 KB', () => stream(frame(bomb(), undefined, 1), { 'grpc-encoding': 'gzip' })],
    ['another content type', () => stream(frame(BODY), { 'content-type': 'text/html' })],
    ['no content type', () => stream(frame(BODY), { 'content-type': '' })],
    ['another method', () => stream(Buffer.alloc(0), { ':method': 'DELETE' })],
    ['a path of nobody', () => stream(frame(BODY), { ':path': '/nobody.Nobody/KnowsThis' })],
    [
      'a path that every object has',
      () => stream(frame(BODY), { ':path': '/__proto__/constructor' }),
    ],
    ['a path of 100 KB', () => stream(frame(BODY), { ':path': `/${'p'.repeat(100_000)}` })],
    ['a deadline that nobody can read', () => stream(frame(BODY), { 'grpc-timeout': 'soon' })],
    ['a header of 1 MiB', () => stream(frame(BODY), { 'ce-large': 'x'.repeat(2 ** 20) })],
    [
      '10,000 headers',
      () =>
        stream(
          frame(BODY),
          Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`x${n}`, 'y'])),
        ),
    ],
    ['bytes beside a text', () => stream(frame(BODY), { 'ce-id': '', 'ce-id-bin': '////' })],
    ['bytes that are no base64', () => stream(frame(BODY), { 'ce-id': '%', 'x-bin': '!!!!' })],
    ['an id that is percent signs', () => stream(frame(BODY), { 'ce-id': '%zz%00%'.repeat(100) })],
  ])('is refused: %s', async (_, attack) => {
    const received = await attack();
    expect([received, isRefused(received)]).toEqual([received, true]);
  });

  it.each<[string, OutgoingHttpHeaders]>([
    ['an id', { 'ce-id': [randomUUID(), randomUUID()] }],
    ['the same id', { 'ce-id': [HEADERS['ce-id'], HEADERS['ce-id']] }],
    ['a key of idempotency', { 'ce-idempotencykey': ['k', 'k'] }],
    ['an expiry', { 'ce-expirytime': ['2999-01-01T00:00:00Z', '2001-01-01T00:00:00Z'] }],
    ['a correlation', { 'ce-correlationid': ['a', 'b'] }],
    ['a trace', { traceparent: [TRACE, TRACE] }],
  ])(
    'is refused as a request that is invalid, and is not handled: twice %s',
    async (_, headers) => {
      const before = victim.handled;
      expect(await stream(frame(BODY), headers)).toMatchObject({ grpc: status.INVALID_ARGUMENT });
      expect(victim.handled).toBe(before);
    },
  );

  it('is answered with a trace state in two parts, which W3C allows', async () => {
    const headers = { traceparent: TRACE, tracestate: ['a=1', 'b=2'] };
    expect(await stream(frame(BODY), headers)).toMatchObject({ grpc: status.OK });
  });

  it('is not remembered: a thousand streams that are broken off', async () => {
    for (let wave = 0; wave < 10; wave++) {
      const streams = Array.from({ length: 100 }, () => session.request(HEADERS));
      for (const one of streams) {
        one.on('error', () => undefined);
        one.write(frame(BODY, BODY.length + 10));
        one.close(8);
      }
      await Promise.all(
        streams.map(
          (one) =>
            new Promise((resolve) =>
              one.closed && one.destroyed ? resolve(0) : one.once('close', resolve),
            ),
        ),
      );
      if (session.destroyed)
        session = connect(`http://127.0.0.1:${victim.port}`).on('error', () => undefined);
      await neighbour();
    }
    expect(victim.complaints).toEqual([]);
  });
});

/** Spaces: the size that it claims is far below its real one. */
const bomb = (): Buffer => gzipSync(Buffer.alloc(100 * 2 ** 20, 0x20));
