import { Partition } from './log-partition';

describe('a partition', () => {
  it('passes over what was handled before it was taken', () => {
    const partition = new Partition(3, 10, 1, new Set([11]));
    expect([10, 11, 11].map((offset) => partition.isHandled(offset))).toEqual([false, true, false]);
  });
});
