import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { problem } from '@parley/service';

/** Headers of an offer to change the protocol. */
const ASKING = new Set(['upgrade', 'connection', 'http2-settings']);

/**
 * Serves a request that offers another protocol, such as h2c, as if it did not: a server may
 * ignore the offer, but Node hands over every such request once something listens for upgrades.
 */
export function ignoreUpgrade(
  server: Server,
  { method, url, httpVersion, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (!ASKING.has(rawHeaders[index]!.toLowerCase()))
      lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  if (head.length > 0) socket.unshift(head);
  socket.unshift(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  server.emit('connection', socket);
}

/** Answers a request for a WebSocket with a problem, and closes its connection. */
export function refuseUpgrade(socket: Duplex, status: number, title: string): void {
  const body = JSON.stringify(problem(status, title));
  socket.end(
    [
      `HTTP/1.1 ${status} Refused`,
      'content-type: application/problem+json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
