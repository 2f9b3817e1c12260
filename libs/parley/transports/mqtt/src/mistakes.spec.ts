import { Address } from './address';
import { Connection } from './connection';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");

it('a mistake in code is told as what it is where a connection is opened', async () => {
  const connection = new Connection(
    new Address('mqtt://127.0.0.1:1'),
    'mailroom-1',
    () => undefined,
  );
  const started = connection.start();
  connection.client!.emit('error', bug as never);
  connection.client!.emit('close');
  await expect(started).rejects.toBe(bug);
});
