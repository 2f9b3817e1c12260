import { event } from '@parley/contract';
import { z } from 'zod';
import { Address } from './address';
import type { KafkaClient, Producer } from './client';
import { message } from './kafka.fixture';
import { KafkaPublisher } from './publisher';
import type { KnownTopic, Topics } from './topology';

const NumberSent = event('orders.number-said', z.object({ key: z.string(), n: z.int() }), {
  key: 'key',
});
const CONFIRMED_WITHIN_MS = 10_000;
const topic = { name: 'orders.events', partitions: 1, replication: 1, limit: 1_048_588 };

/** A client that opens producers, or not, when the test says so. */
class Openings {
  readonly all: Settle<Producer>[] = [];

  readonly client: Pick<KafkaClient, 'producer'> = {
    producer: () => {
      let [resolve, reject] = [(_: Producer): void => undefined, (_: Error): void => undefined];
      const opening = new Promise<Producer>((...settle) => ([resolve, reject] = settle));
      this.all.push({ resolve, reject });
      return opening;
    },
  };
}

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

const topics: Pick<Topics, 'ensure' | 'peek' | 'smallestBatch' | 'largest'> = {
  ensure: (): Promise<KnownTopic> => Promise.resolve(topic),
  peek: () => topic,
  smallestBatch: topic.limit,
  largest: topic.limit,
};

describe('a producer that is opened anew', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  // Jest fails a test with an unhandled rejection; a service would end by it.
  it('and fails again does so for those alone who wait for it', async () => {
    const openings = new Openings();
    const publisher = new KafkaPublisher(
      openings.client as KafkaClient,
      topics as Topics,
      new Address('kafka://127.0.0.1:9092'),
      { log: () => undefined },
    );

    const first = publisher.publish([message(NumberSent, 1)]);
    const firstFails = expect(first).rejects.toThrow('no confirm in time');
    await jest.advanceTimersByTimeAsync(CONFIRMED_WITHIN_MS);
    await firstFails;
    const second = publisher.publish([message(NumberSent, 2)]);
    await jest.advanceTimersByTimeAsync(0);
    expect(openings.all).toHaveLength(2);

    openings.all[0]!.reject(new Error('Closed connection'));
    await jest.advanceTimersByTimeAsync(0);
    openings.all[1]!.reject(new Error('Closed connection'));
    await jest.advanceTimersByTimeAsync(1_000);

    expect(openings.all).toHaveLength(3);
    openings.all[2]!.resolve({
      produce: () => Promise.resolve(),
      close: () => Promise.resolve(),
    });
    await second;
    await publisher.close();
  });
});
