import { event } from '@parley/contract';
import { z } from 'zod';
import { Address } from './address';
import { type KafkaClient, type Producer, RejectionError } from './client';
import { message } from './kafka.fixture';
import { KafkaPublisher } from './publisher';
import type { Topics } from './topology';

const bug = new TypeError("Cannot read properties of undefined (reading 'correlationId')");
const TRIED_FOR_MS = 10_000;
const NumberSent = event('orders.number-said', z.object({ key: z.string(), n: z.int() }), {
  key: 'key',
});

describe('a mistake in code, of kafkajs for instance', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => jest.useRealTimers());
  /** kafkajs may stumble over an outage: a new producer may have more luck. */
  const triedInVain = async (publisher: KafkaPublisher) => {
    const published = expect(publisher.publish([message(NumberSent, 1)])).rejects.toBe(bug);
    await jest.advanceTimersByTimeAsync(TRIED_FOR_MS);
    await published;
  };
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
    await triedInVain(publisherOf({}));
  });

  it('is told as what it is where messages are sent', async () => {
    const producer: Producer = {
      produce: () => Promise.reject(new RejectionError('unknown', bug.message, { cause: bug })),
      close: () => Promise.resolve(),
    };
    await triedInVain(publisherOf({ client: { producer: () => Promise.resolve(producer) } }));
  });

  it('that a new producer does not repeat is told to nobody', async () => {
    const ends = [
      () => Promise.reject(new RejectionError('unknown', bug.message, { cause: bug })),
      () => Promise.resolve(),
    ];
    const producer = (): Promise<Producer> =>
      Promise.resolve({ produce: ends.shift()!, close: () => Promise.resolve() });
    const published = publisherOf({ client: { producer } }).publish([message(NumberSent, 1)]);
    await jest.advanceTimersByTimeAsync(1_000);
    await expect(published).resolves.toBeUndefined();
  });

  it('is told as what it is where a topic is looked for', async () => {
    const topics = { peek: () => undefined, ensure: () => Promise.reject(bug) };
    await expect(publisherOf({ topics }).publish([message(NumberSent, 1)])).rejects.toBe(bug);
  });
});
