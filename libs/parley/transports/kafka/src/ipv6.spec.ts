import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Address } from './address';
import { KafkaJsClient } from './kafkajs';

it.each(['', '?forwarded=true'])('connects to a broker at an IPv6 address%s', async (options) => {
  const server = createServer((socket) => socket.destroy()).listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connected = once(server, 'connection');
  const refused = new KafkaJsClient(
    new Address(`kafka://[::1]:${port}${options}`),
    'ipv6',
    () => undefined,
  )
    .admin()
    .catch((error: Error) => error);
  await connected;
  server.close();
  expect(await refused).toBeInstanceOf(Error); // it was no Kafka
});
