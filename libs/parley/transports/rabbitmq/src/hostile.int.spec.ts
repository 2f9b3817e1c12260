import { type Attributes, headersOf, hostileQueueSuite } from '@parley/conformance';
import { connect } from 'amqplib';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';

async function attack(service: string) {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  return {
    publish: async (body: Buffer, attributes: Attributes) => {
      channel.sendToQueue(service, body, { headers: headersOf(attributes, 'cloudEvents:') });
      await channel.waitForConfirms();
      return undefined;
    },
    close: async () => {
      await connection.close();
      expect(await dropQueuesOf(url, [service])).toEqual([]);
    },
  };
}

if (url)
  hostileQueueSuite({
    name: 'messages in a queue of RabbitMQ',
    technology: rabbitmq,
    url,
    attack,
  });
else it.skip('RabbitMQ: not run, for RABBITMQ_URL is not set', () => undefined);
