import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { MemoryStore } from '@parley/memory';
import { systemClock } from '@parley/messaging/transport';
import { technologiesFor } from './technologies';

it.each([
  'amqp://guest:guest@[::1]:PORT/vhost',
  'kafka://[::1]:PORT',
  'activemq://admin:admin@[::1]:PORT',
  'redis://[::1]:PORT',
  'mqtt://[::1]:PORT',
  'sqs://key:secret@[::1]:PORT?insecure=true',
  'kinesis://key:secret@[::1]:PORT?insecure=true',
])('a broker may have an IPv6 address: %s', async (pattern) => {
  const server = createServer((socket) => socket.on('error', () => undefined).destroy());
  await once(server.listen(0, '::1'), 'listening');
  const url = pattern.replace('PORT', String((server.address() as AddressInfo).port));
  const connected = once(server, 'connection');
  const [technology] = await technologiesFor({ COMMANDS_URL: url });
  const transport = technology!.open!(url, {
    service: 'ipv6',
    instance: 'ipv6-1',
    clock: systemClock,
    store: new MemoryStore(),
    log: () => undefined,
  });
  const ended = transport.connect().catch((error: Error) => error);
  await connected;
  expect(await ended).toBeInstanceOf(Error); // nothing that it knows listens there
  await transport.close();
  server.close();
});
