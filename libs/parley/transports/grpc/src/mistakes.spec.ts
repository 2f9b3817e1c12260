import { asking, CallTrial, echo } from '@parley/conformance';
import { OwnerUnavailableError } from '@parley/messaging';
import { GrpcConnection } from './connection';
import { grpc } from './grpc';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");
const trial = new CallTrial(grpc);
afterEach(() => trial.close());

function connectionTo(port: number): GrpcConnection {
  const connection = new GrpcConnection({ host: '127.0.0.1', port });
  trial.closes(connection);
  return connection;
}

it('a mistake in code is told as what it is where a request is made', async () => {
  const connection = connectionTo((await trial.serve(echo)).port);
  await connection.call(asking());
  const { line } = connection as unknown as { line: { client: object } };
  Object.assign(line.client, {
    makeUnaryRequest: () => {
      throw bug;
    },
  });
  await expect(connection.call(asking())).rejects.toBe(bug);
});

it('a request that the client library cannot write is told as that', async () => {
  const connection = connectionTo((await trial.serve(echo)).port);
  const asked = connection.call(asking('{}', { headers: { 'no name of a header': '1' } }));
  await expect(asked).rejects.toThrow('contains illegal characters');
});

it('an instance that cannot be reached is told as that', async () => {
  const { server, port } = await trial.serve(echo);
  await server.close();
  await expect(connectionTo(port).call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
});
