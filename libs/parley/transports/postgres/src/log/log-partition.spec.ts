import { Partition } from './log-partition';

describe('a partition', () => {
  it('is finished up to the lowest offset that is not', () => {
    const partition = new Partition(3, 10, 1, new Set([11]));
    for (const offset of [10, 11, 12]) partition.begin(offset);
    partition.next = 13;
    partition.finish(12);
    expect(partition.finished).toBe(10);
    partition.finish(10);
    expect(partition.finished).toBe(13);
  });

  it('passes over what was handled before it was taken', () => {
    expect(new Partition(3, 10, 1, new Set([10])).begin(10)).toBe(false);
  });
});
