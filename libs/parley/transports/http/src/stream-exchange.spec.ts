import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asking } from '@parley/conformance';
import { ReplyLostError } from '@parley/messaging';
import type { Items } from '@parley/messaging/transport';
import { HttpConnection } from './connection';
import { END, frameOf } from './frames';
import { MAX_MESSAGE_BYTES, STREAM_TYPE } from './protocol';

const ITEM = frameOf(Buffer.from('{"n":1}'));
const GOOD_END = frameOf(Buffer.from('{}'), END);

let body: Buffer;
let type: string;
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': type }).end(body);
});
let connection: HttpConnection;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  connection = new HttpConnection({ host: '127.0.0.1', port });
});
afterAll(async () => {
  await connection.close();
  server.closeAllConnections();
  await once(server.close(), 'close');
});

function answered(bytes: Buffer, contentType = STREAM_TYPE): Items {
  [body, type] = [bytes, contentType];
  return connection.stream(asking());
}

it('a stream is read to its end', async () => {
  const items = answered(Buffer.concat([ITEM, GOOD_END]));
  expect(await items.next()).toEqual({ item: Buffer.from('{"n":1}') });
  expect(await items.next()).toEqual({ fault: undefined });
});

it('a mistake in code is told as what it is where items arrive', async () => {
  const bug = new TypeError("Cannot read properties of undefined (reading 'push')");
  const items = answered(Buffer.concat([ITEM, GOOD_END]));
  Object.assign(items, {
    push: () => {
      throw bug;
    },
  });
  await expect(items.next()).rejects.toBe(bug);
});

it('a stream without an end broke off, behind its items', async () => {
  const items = answered(ITEM);
  expect(await items.next()).toHaveProperty('item');
  await expect(items.next()).rejects.toBeInstanceOf(ReplyLostError);
});

it.each([
  ['an item that is too large', oversized(), STREAM_TYPE, 'too-large'],
  ['a compressed item', frameOf(Buffer.from('{}'), 1), STREAM_TYPE, 'unhandled'],
  ['a page', Buffer.from('<html>'), 'text/html', 'unhandled'],
])('%s ends a stream with a fault', async (_, bytes, contentType, code) => {
  expect(await answered(bytes, contentType).next()).toMatchObject({ fault: { code } });
});

function oversized(): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
  return head;
}
