import { Partitioners } from 'kafkajs';
import fc from 'fast-check';
import { partitionOf } from './partition';

describe('the partition of a key', () => {
  const theirs = Partitioners.DefaultPartitioner();

  it('is the one that Kafka’s own clients choose', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 100 }),
        (bytes, count) => {
          const key = Buffer.from(bytes);
          const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
            partitionId,
            leader: 1,
            partitionErrorCode: 0,
            replicas: [1],
            isr: [1],
          }));
          expect(partitionOf(key, count)).toBe(
            theirs({ topic: 't', partitionMetadata, message: { key, value: null } }),
          );
        },
      ),
    );
  });

  it('spreads keys', () => {
    const used = new Set(
      Array.from({ length: 200 }, (_, n) => partitionOf(Buffer.from(`order-${n}`), 12)),
    );
    expect(used.size).toBe(12);
  });
});
