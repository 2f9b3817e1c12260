import { Partition } from './log-partition';

describe('a partition', () => {
  it('passes over what was handled before it was taken', () => {
    const partition = new Partition(3, 10, 1, new Set([11]));
    expect([10, 11, 11].map((offset) => partition.isHandled(offset))).toEqual([false, true, false]);
  });

  it('is read at once, from the first day on, until it is given up', () => {
    expect(new Partition(3, 10, 1)).toMatchObject({
      dirty: true,
      leaving: false,
      made: '-infinity',
    });
  });

  it('suspects its first events only when its former holder did not give it back', () => {
    const suspected = (orphaned?: boolean) =>
      new Partition(3, 10, 1, new Set(), orphaned).suspects.take('a');
    expect([suspected(true), suspected(false), suspected()]).toEqual([true, false, false]);
  });

  it('begins nothing more when it is lost, and tells what runs', () => {
    const partition = new Partition(3, 10, 1);
    expect(partition.signal.aborted).toBe(false);
    const reason = new Error('it belongs to another instance now');
    partition.lose(reason);
    expect(partition.leaving).toBe(true);
    expect(partition.signal.reason).toBe(reason);
  });
});
