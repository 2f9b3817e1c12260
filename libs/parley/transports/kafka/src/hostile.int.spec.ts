import { type Attributes, headersOf, hostileQueueSuite, refusalOf } from '@parley/conformance';
import { type IHeaders, Kafka, logLevel } from 'kafkajs';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';

async function attack(service: string) {
  const client = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING });
  const producer = client.producer({ retry: { retries: 0 } });
  await producer.connect();
  return {
    publish: (value: Buffer, attributes: Attributes) => {
      const headers = headersOf(attributes, 'ce_') as IHeaders;
      return refusalOf(
        'Kafka',
        producer.send({ topic: `${service}.commands`, messages: [{ value, headers }] }),
      );
    },
    close: async () => {
      await producer.disconnect();
      await dropTopicsOf(url, [service]);
    },
  };
}

if (url)
  hostileQueueSuite({
    name: 'messages in a topic of Kafka',
    technology: kafka,
    url,
    attack,
    largest: { bytes: 1_000_000, reason: 'larger than the max message size', byBroker: true },
  });
else it.skip('Kafka: not run, for KAFKA_URL is not set', () => undefined);
