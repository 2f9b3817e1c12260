import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { callPathOf } from '@parley/messaging/transport';
import {
  CallVictim,
  hostileSuite,
  type Attributes,
  type Fate,
  goodOrder,
} from '@parley/conformance';
import { http } from './http';
import { MAX_MESSAGE_BYTES } from './protocol';

const victim = new CallVictim(http);
const path = callPathOf(victim.contract);
const BODY = victim.body;
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let attackers: Agent;
let honest: Agent;

async function open(): Promise<void> {
  await victim.open();
  [attackers, honest] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
}

async function close(): Promise<void> {
  attackers.destroy();
  honest.destroy();
  await victim.close();
}

interface Response {
  readonly status: number;
  readonly body: string;
}

function post(
  agent: Agent,
  body: Buffer | string,
  headers: OutgoingHttpHeaders = {},
  options: { readonly method?: string; readonly path?: string } = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: '127.0.0.1',
        port: victim.port,
        agent,
        method: 'POST',
        path,
        headers: {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          ...headers,
        },
        ...options,
      },
      (response) => {
        const parts: Buffer[] = [];
        response
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
          )
          .on('error', reject);
      },
    );
    sent.on('error', reject).end(body);
  });
}

function headersOf(attributes: Attributes): Record<string, string> {
  const isPlain = (name: string) => name === 'traceparent' || name === 'baggage';
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        isPlain(name) ? name : `ce-${name}`,
        encodeURIComponent(String(value)),
      ]),
  );
}

async function neighbour(): Promise<void> {
  const response = await post(honest, BODY, { 'ce-id': randomUUID() });
  expect(response).toEqual({ status: 200, body: '{"name":"Ada"}' });
}

hostileSuite({
  name: 'HTTP',
  type: victim.contract.name,
  good: goodOrder,
  called: true,
  attributes: 'texts',
  open,
  close,
  neighbour,
  largest: { bytes: MAX_MESSAGE_BYTES, reason: 'resource_exhausted' },
  send: async (body, attributes): Promise<Fate> => {
    const response = await post(attackers, body, headersOf(attributes as Attributes));
    if (response.status === 200) return 'taken';
    expect([400, 429]).toContain(response.status);
    return { refused: response.body };
  },
});

describe('what means harm, as bytes on a connection', () => {
  beforeAll(open);
  afterAll(close);
  afterEach(neighbour);

  /** All that the server says until it closes, or has said nothing for a while. */
  async function raw(...parts: (string | Buffer)[]): Promise<string> {
    const socket = connect(victim.port, '127.0.0.1');
    let said = '';
    socket.on('data', (bytes) => (said += bytes.toString('latin1'))).on('error', () => undefined);
    await once(socket, 'connect');
    for (const part of parts) socket.write(part);
    socket.setTimeout(500, () => socket.destroy());
    await once(socket, 'close');
    return said;
  }

  const head = (...lines: string[]) =>
    [
      `POST ${path} HTTP/1.1`,
      'host: victim',
      'content-type: application/json',
      ...lines,
      '',
      '',
    ].join('\r\n');
  const GOOD = head(`content-length: ${BODY.length}`) + BODY;
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  /** Status codes of all responses. */
  const statuses = (said: string) =>
    [...said.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

  it('is heard as it is: honest bytes are answered', async () => {
    expect(statuses(await raw(GOOD))).toEqual([200]);
    expect(
      statuses(await raw(head('transfer-encoding: chunked') + chunk(BODY) + chunk(''))),
    ).toEqual([200]);
  });

  it.each<[string, string | Buffer]>([
    [
      'a length and chunks',
      head(`content-length: ${BODY.length}`, 'transfer-encoding: chunked') + chunk('') + GOOD,
    ],
    [
      'chunks and a length',
      head('transfer-encoding: chunked', `content-length: ${BODY.length}`) + chunk('') + GOOD,
    ],
    ['two lengths', head('content-length: 0', `content-length: ${GOOD.length}`) + GOOD],
    ['a negative length', head('content-length: -1') + GOOD],
    ['a length with a sign', head('content-length: +0') + GOOD],
    ['a length in a list', head('content-length: 0, 10') + GOOD],
    ['a length beyond all numbers', head(`content-length: ${'9'.repeat(30)}`) + GOOD],
    ['a space before the colon', head('content-length : 0') + GOOD],
    ['a folded line', head('transfer-encoding:\r\n chunked') + chunk('') + GOOD],
    ['an unknown coding', head('transfer-encoding: xchunked') + chunk('') + GOOD],
    ['chunked, not at the end', head('transfer-encoding: chunked, gzip') + chunk('') + GOOD],
    ['a chunk of no size', head('transfer-encoding: chunked') + 'zz\r\n' + GOOD],
    [
      'a chunk beyond all numbers',
      head('transfer-encoding: chunked') + `${'f'.repeat(40)}\r\n` + GOOD,
    ],
    ['lines that end in LF', GOOD.replaceAll('\r\n', '\n')],
    ['NUL in a header', head('ce-source: a\0b', 'content-length: 0') + GOOD],
    ['a header without a name', head(': x', 'content-length: 0') + GOOD],
    ['no host', GOOD.replace('host: victim\r\n', '')],
    ['no HTTP', 'hello\r\n\r\n'],
    ['HTTP/0.9', `GET ${path}\r\n\r\n`],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
    ['CONNECT', GOOD.replace('POST ', 'CONNECT ')],
    ['TRACE', GOOD.replace('POST ', 'TRACE ')],
    ['a path of 100 KB', GOOD.replace(path, `/${'p'.repeat(100_000)}`)],
    ['a header of 1 MiB', head(`ce-large: ${'x'.repeat(2 ** 20)}`) + GOOD],
    ['20,000 headers', head(...Array.from({ length: 20_000 }, (_, n) => `x${n}: y`)) + GOOD],
  ])('is refused, and nothing that is hidden in it is handled: %s', async (_, bytes) => {
    const before = victim.handled;
    const said = await raw(bytes);
    expect(statuses(said).filter((status) => status < 400)).toEqual([]);
    expect(victim.handled).toBe(before);
  });

  it.each<[string, number, () => Promise<Response>]>([
    ['GET', 405, () => post(attackers, '', {}, { method: 'GET' })],
    ['DELETE', 405, () => post(attackers, '', {}, { method: 'DELETE' })],
    ['another content type', 415, () => post(attackers, BODY, { 'content-type': 'text/html' })],
    ['no content type', 415, () => post(attackers, BODY, { 'content-type': '' })],
    [
      'a form',
      415,
      () => post(attackers, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    [
      'another charset',
      415,
      () => post(attackers, BODY, { 'content-type': 'application/json; charset=utf-16' }),
    ],
    ['100 MiB in 100 KB', 415, () => post(attackers, bomb(), { 'content-encoding': 'gzip' })],
    [
      'a path of nobody',
      404,
      () => post(attackers, BODY, {}, { path: '/nobody.Nobody/KnowsThis' }),
    ],
    [
      'a path that every object has',
      404,
      () => post(attackers, BODY, {}, { path: '/__proto__/constructor' }),
    ],
    ['a path to somewhere else', 404, () => post(attackers, BODY, {}, { path: `/..${path}` })],
    [
      'a deadline that nobody can read',
      400,
      () => post(attackers, BODY, { 'connect-timeout-ms': 'soon' }),
    ],
    ['a negative deadline', 400, () => post(attackers, BODY, { 'connect-timeout-ms': '-1' })],
    ['a deadline that has passed', 504, () => post(attackers, BODY, { 'connect-timeout-ms': '0' })],
    [
      'an id that is percent signs',
      400,
      () => post(attackers, BODY, { 'ce-id': '%zz%00%'.repeat(100) }),
    ],
    ['twice an id', 400, () => post(attackers, BODY, { 'ce-id': [randomUUID(), randomUUID()] })],
    [
      'twice a key of idempotency',
      400,
      () => post(attackers, BODY, { 'ce-idempotencykey': ['k', 'k'] }),
    ],
    ['twice a trace', 400, () => post(attackers, BODY, { traceparent: [TRACE, TRACE] })],
    ['20 MiB', 429, () => post(attackers, Buffer.alloc(20 * 2 ** 20, 0x20))],
  ])('is refused: %s, by the status %d', async (_, status, attack) => {
    const before = victim.handled;
    const response = await attack();
    expect([response.status, JSON.parse(response.body)]).toEqual([
      status,
      expect.objectContaining({ code: expect.any(String), message: expect.any(String) }),
    ]);
    expect(victim.handled).toBe(before);
  });

  it('is not remembered: a thousand requests that are broken off', async () => {
    for (let wave = 0; wave < 10; wave++) {
      const sockets = Array.from({ length: 100 }, () => connect(victim.port, '127.0.0.1'));
      for (const socket of sockets) {
        socket.on('error', () => undefined);
        socket.write(head(`content-length: ${BODY.length + 10}`) + BODY, () => socket.destroy());
      }
      await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')));
      await neighbour();
    }
    expect(victim.complaints).toEqual([]);
  });

  it('is bounded: a connection that asks a thousand times without listening', async () => {
    victim.peak = 0;
    await raw(GOOD.repeat(1_000));
    expect(victim.peak).toBeLessThan(20);
  });

  it('is bounded: connections beyond a thousand are refused, not cut', async () => {
    const idle = [];
    for (let n = 0; n < 1_000; n++) {
      const socket = connect(victim.port, '127.0.0.1');
      idle.push(socket.on('error', () => undefined));
      socket.write(GOOD);
      const [said] = (await once(socket, 'data')) as [Buffer];
      if (said.includes('503')) break;
    }
    expect(idle.length).toBeGreaterThan(900);
    expect(await raw(GOOD)).toMatch(/^HTTP\/1\.1 503 .*parley-not-handled: true/s);
    for (const socket of idle) socket.destroy();
    await Promise.all(idle.map((socket) => socket.closed || once(socket, 'close')));
  });
});

/** Spaces: the size that it claims is far below its real one. */
const bomb = (): Buffer => gzipSync(Buffer.alloc(100 * 2 ** 20, 0x20));
