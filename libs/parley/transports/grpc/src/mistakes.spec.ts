import { asking, CallTrial, echo } from '@parley/conformance';
import { OwnerUnavailableError } from '@parley/messaging';
import type { OutgoingCall } from '@parley/messaging/transport';
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

type Ask = (connection: GrpcConnection, request: OutgoingCall) => Promise<unknown>;

describe.each<[string, Ask]>([
  ['a call', (connection, request) => connection.call(request)],
  ['a stream', async (connection, request) => connection.stream(request).next()],
])('%s', (_, ask) => {
  it('tells a mistake in code as what it is where its request is made', async () => {
    const connection = connectionTo((await trial.serve(echo)).port);
    await connection.call(asking());
    const { line } = connection as unknown as { line: { client: object } };
    const broken = () => {
      throw bug;
    };
    Object.assign(line.client, { makeUnaryRequest: broken, makeServerStreamRequest: broken });
    await expect(ask(connection, asking())).rejects.toBe(bug);
  });

  it('tells a request that the client library cannot write as that', async () => {
    const connection = connectionTo((await trial.serve(echo)).port);
    const asked = ask(connection, asking('{}', { headers: { 'no name of a header': '1' } }));
    await expect(asked).rejects.toThrow('contains illegal characters');
  });

  it('tells an instance that cannot be reached as that', async () => {
    const { server, port } = await trial.serve(echo);
    await server.close();
    await expect(ask(connectionTo(port), asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
  });
});
