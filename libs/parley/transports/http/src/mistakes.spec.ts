import { asking, CallTrial, echo } from '@parley/conformance';
import { OwnerUnavailableError } from '@parley/messaging';
import { errors } from 'undici';
import { HttpConnection } from './connection';
import type { Exchange } from './exchange';
import { http } from './http';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");
const trial = new CallTrial(http);
afterEach(() => trial.close());

function connectionTo(port: number): HttpConnection {
  const connection = new HttpConnection({ host: '127.0.0.1', port });
  trial.closes(connection);
  return connection;
}

it('a mistake in code is told as what it is where a request is written', async () => {
  const connection = connectionTo((await trial.serve(echo)).port);
  const { pool } = connection as unknown as { pool: object };
  Object.assign(pool, {
    dispatch: (_: unknown, exchange: Exchange) => exchange.onResponseError(undefined, bug),
  });
  await expect(connection.call(asking())).rejects.toBe(bug);
});

it('a request that the client library cannot write is told as that', async () => {
  const connection = connectionTo((await trial.serve(echo)).port);
  const asked = connection.call(asking('{}', { headers: { 'no name of a header': '1' } }));
  await expect(asked).rejects.toBeInstanceOf(errors.InvalidArgumentError);
});

it('an instance that cannot be reached is told as that', async () => {
  const { server, port } = await trial.serve(echo);
  await server.close();
  await expect(connectionTo(port).call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
});
