import { once } from 'node:events';
import { type Attributes, headersOf, hostileQueueSuite } from '@parley/conformance';
import rhea from 'rhea';
import { activemq } from './activemq';
import { Address } from './address';
import { AmqpConnection } from './amqp-connection';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';

async function attack(service: string) {
  const connection = new AmqpConnection(new Address(url), 'attacker');
  await connection.start();
  const sender = connection.current!.open_sender({
    target: { address: service, capabilities: ['queue'] } as never,
  });
  await once(sender, 'sendable');
  return {
    publish: async (body: Buffer, attributes: Attributes) => {
      const accepted = once(sender, 'accepted');
      const application_properties = headersOf(attributes, 'cloudEvents:');
      sender.send({ durable: true, application_properties, body: rhea.message.data_section(body) });
      await accepted;
      return undefined;
    },
    close: async () => {
      await connection.close();
      await removeTraces(url, [service]);
    },
  };
}

if (url)
  hostileQueueSuite({
    name: 'messages in a queue of ActiveMQ',
    technology: activemq,
    url,
    attack,
  });
else it.skip('ActiveMQ: not run, for ACTIVEMQ_URL is not set', () => undefined);
