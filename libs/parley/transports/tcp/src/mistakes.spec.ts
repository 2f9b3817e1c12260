import { asking, CallTrial, echo } from '@parley/conformance';
import { OwnerUnavailableError } from '@parley/messaging';
import { TcpConnection } from './connection';
import { tcp } from './tcp';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");
const trial = new CallTrial(tcp);
afterEach(() => trial.close());

function connectionTo(port: number) {
  const connection = new TcpConnection({ host: '127.0.0.1', port });
  trial.closes(connection);
  /** Its socket, once it has called. */
  const socket = () => (connection as unknown as { line: { socket: object } }).line.socket;
  return { connection, socket };
}

const failing = {
  write: () => {
    throw bug;
  },
};

it('a mistake in code is told as what it is where a request is written on a connection that just opened', async () => {
  const { connection, socket } = connectionTo((await trial.serve(echo)).port);
  const asked = connection.call(asking());
  Object.assign(socket(), failing);
  await expect(asked).rejects.toBe(bug);
});

it('a mistake in code is told as what it is where a request is written later', async () => {
  const { connection, socket } = connectionTo((await trial.serve(echo)).port);
  await connection.call(asking());
  Object.assign(socket(), failing);
  await expect(connection.call(asking())).rejects.toBe(bug);
});

it('an instance that cannot be reached is told as that', async () => {
  const { server, port } = await trial.serve(echo);
  await server.close();
  await expect(connectionTo(port).connection.call(asking())).rejects.toBeInstanceOf(
    OwnerUnavailableError,
  );
});
