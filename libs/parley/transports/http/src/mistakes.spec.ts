import { asking, CallTrial, echo } from '@parley/conformance';
import { OwnerUnavailableError } from '@parley/messaging';
import type { OutgoingCall } from '@parley/messaging/transport';
import { errors } from 'undici';
import { HttpConnection } from './connection';
import type { Exchange } from './exchange';
import { http } from './http';
import type { StreamExchange } from './stream-exchange';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");
const trial = new CallTrial(http);
afterEach(() => trial.close());

function connectionTo(port: number): HttpConnection {
  const connection = new HttpConnection({ host: '127.0.0.1', port });
  trial.closes(connection);
  return connection;
}

type Ask = (connection: HttpConnection, request: OutgoingCall) => Promise<unknown>;

describe.each<[string, Ask]>([
  ['a call', (connection, request) => connection.call(request)],
  ['a stream', async (connection, request) => connection.stream(request).next()],
])('%s', (_, ask) => {
  it('tells a mistake in code as what it is where its request is written', async () => {
    const connection = connectionTo((await trial.serve(echo)).port);
    const { pool } = connection as unknown as { pool: object };
    Object.assign(pool, {
      dispatch: (_: unknown, exchange: Exchange | StreamExchange) =>
        exchange.onResponseError(undefined, bug),
    });
    await expect(ask(connection, asking())).rejects.toBe(bug);
  });

  it('tells a request that the client library cannot write as that', async () => {
    const connection = connectionTo((await trial.serve(echo)).port);
    const asked = ask(connection, asking('{}', { headers: { 'no name of a header': '1' } }));
    await expect(asked).rejects.toBeInstanceOf(errors.InvalidArgumentError);
  });

  it('tells an instance that cannot be reached as that', async () => {
    const { server, port } = await trial.serve(echo);
    await server.close();
    await expect(ask(connectionTo(port), asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
  });
});
