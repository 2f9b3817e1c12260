import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { create_container as createContainer, type EventContext, type Sender } from 'rhea';
import { Management } from './management';

it('asks over new links when the broker closed those it had', async () => {
  const broker = createContainer();
  let answers: Sender | undefined;
  broker.on('sender_open', ({ sender }: EventContext) => {
    sender!.set_source({ address: 'answers' } as never);
    answers = sender;
  });
  broker.on('message', ({ message }: EventContext) =>
    answers!.send({
      correlation_id: message!.correlation_id,
      application_properties: { _AMQ_OperationSucceeded: true },
      body: '["{}"]',
    }),
  );
  const server = broker.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const connection = createContainer().connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    reconnect: false,
  });
  await once(connection, 'connection_open');
  const management = new Management(connection);

  expect(await management.settings('a')).toEqual({});
  const closed = once(broker, 'sender_close');
  answers!.close({ condition: 'amqp:resource-deleted', description: 'somebody reconfigured it' });
  await closed;
  expect(await management.settings('a')).toEqual({});

  connection.close();
  await once(connection, 'connection_close');
  server.close();
});
