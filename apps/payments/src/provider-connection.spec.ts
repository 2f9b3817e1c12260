import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  OutcomeUnknownError,
  ProviderConnection,
  ProviderUnavailableError,
} from './provider-connection';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('the connection to the provider', () => {
  let server: Server;
  let handle: Handler;
  let requests: number;
  let connection: ProviderConnection;
  const port = () => (server.address() as AddressInfo).port;
  const signal = new AbortController().signal;
  const ask = (asking = signal) =>
    connection.ask('POST', '/charges', { key: 'k', body: { amount: 1 }, signal: asking });

  beforeEach(async () => {
    requests = 0;
    server = createServer((request, response) => {
      requests++;
      handle(request, response);
    });
    await new Promise<void>((listening) => server.listen(0, '::', listening));
    connection = new ProviderConnection(new URL(`http://127.0.0.1:${port()}`), 200);
  });
  afterEach(async () => {
    connection.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  it('tells what was answered, refusals included', async () => {
    handle = (_, response) =>
      response
        .writeHead(402, { 'content-type': 'application/json; charset=utf-8' })
        .end('{"reason":"no"}');
    expect(await ask()).toEqual({ status: 402, body: { reason: 'no' } });
  });

  it('may have an IPv6 address', async () => {
    handle = (_, response) => response.writeHead(201).end();
    const other = new ProviderConnection(new URL(`http://[::1]:${port()}`), 200);
    expect(await other.ask('GET', '/', { signal })).toMatchObject({ status: 201 });
    other.close();
  });

  it.each([429, 500, 503])(
    'says that the provider is unavailable when it answers %d',
    async (status) => {
      handle = (_, response) => response.writeHead(status).end();
      await expect(ask()).rejects.toThrow(ProviderUnavailableError);
    },
  );

  it('says that the provider is unavailable when nobody listens there', async () => {
    const nobody = new ProviderConnection(new URL('http://127.0.0.1:1'), 200);
    await expect(nobody.ask('GET', '/', { signal })).rejects.toThrow(ProviderUnavailableError);
  });

  it('does not know the outcome when the answer does not come in time', async () => {
    handle = () => undefined;
    await expect(ask()).rejects.toThrow(new OutcomeUnknownError('POST /charges', 'within 200 ms'));
  });

  it('does not know the outcome when the connection breaks', async () => {
    handle = (request) => request.socket.destroy();
    await expect(ask()).rejects.toThrow(OutcomeUnknownError);
    expect(requests).toBe(1);
  });

  it('does not know the outcome when the answer breaks off', async () => {
    handle = (request, response) => {
      response
        .writeHead(201, { 'content-type': 'application/json', 'content-length': 100 })
        .write('{"status":', () => request.socket.destroy());
    };
    await expect(ask()).rejects.toThrow(OutcomeUnknownError);
  });

  it('asks again, once, when a connection it had kept turns out to be closed', async () => {
    handle = (_, response) => response.end();
    await ask();
    handle = (request, response) =>
      requests === 2 ? request.socket.destroy() : response.writeHead(201).end();
    expect((await ask()).status).toBe(201);
    expect(requests).toBe(3);
  });

  it('gives up when it is told to', async () => {
    const handling = new AbortController();
    handle = () => handling.abort(new Error('the handling took too long'));
    await expect(ask(handling.signal)).rejects.toThrow('the handling took too long');
  });
});
