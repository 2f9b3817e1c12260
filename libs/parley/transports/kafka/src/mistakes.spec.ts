import { event } from '@parley/contract';
import { z } from 'zod';
import { Address } from './address';
import { type KafkaClient, type Producer, Rejection } from './client';
import { message } from './kafka.fixture';
import { KafkaPublisher } from './publisher';
import type { Topics } from './topology';

const bug = new TypeError("Cannot read properties of undefined (reading 'correlationId')");
const NumberSaid = event('orders.number-said', z.object({ key: z.string(), n: z.int() }), {
  key: 'key',
});

describe('a mistake in code, of kafkajs for instance', () => {
  const topic = { name: 'orders.events', partitions: 1, replication: 1, limit: 1_048_588 };
  const publisherOf = (parts: { topics?: Partial<Topics>; client?: Partial<KafkaClient> }) =>
    new KafkaPublisher(
      { producer: () => Promise.reject(bug), ...parts.client } as KafkaClient,
      {
        peek: () => topic,
        smallestBatch: topic.limit,
        largest: topic.limit,
        ...parts.topics,
      } as never,
      new Address('kafka://127.0.0.1:9092'),
      { log: () => undefined },
    );

  it('is told as what it is where a producer is opened', async () => {
    await expect(publisherOf({}).publish([message(NumberSaid, 1)])).rejects.toBe(bug);
  });

  it('is told as what it is where messages are sent', async () => {
    const producer: Producer = {
      produce: () => Promise.reject(new Rejection('unknown', bug.message, { cause: bug })),
      close: () => Promise.resolve(),
    };
    const publisher = publisherOf({ client: { producer: () => Promise.resolve(producer) } });
    await expect(publisher.publish([message(NumberSaid, 1)])).rejects.toBe(bug);
  });

  it('is told as what it is where a topic is looked for', async () => {
    const topics = { peek: () => undefined, ensure: () => Promise.reject(bug) };
    await expect(publisherOf({ topics }).publish([message(NumberSaid, 1)])).rejects.toBe(bug);
  });
});
