import { AssignedPartition } from './assigned-partition';

const begun = (offsets: readonly number[], bounds = { messages: 4, bytes: 100, span: 20 }) => {
  const partition = new AssignedPartition('t', 0, offsets[0] ?? 0, bounds);
  for (const offset of offsets) partition.begin(offset, 1);
  partition.next = (offsets.at(-1) ?? 0) + 1;
  return partition;
};

describe('an assigned partition', () => {
  it('is full when too many wait, too much, or too much would be done again', () => {
    expect([begun([1, 2, 3]).full, begun([1, 2, 3, 4]).full]).toEqual([false, true]);
    const heavy = begun([1]);
    heavy.begin(2, 200);
    expect(heavy.full).toBe(true);
    const wide = begun([1]);
    wide.next = 30;
    expect(wide.full).toBe(true);
  });

  it('reads on when there is room for half', async () => {
    const partition = begun([1, 2, 3, 4]);
    let room = false;
    const waited = partition.room(60_000).then(() => (room = true));
    expect([partition.hasRoom, room]).toEqual([false, false]);
    partition.finish(2);
    await waited;
    expect([partition.full, partition.hasRoom]).toEqual([false, false]);
    partition.finish(3);
    partition.finish(4);
    expect(partition.hasRoom).toBe(true);
    await partition.room(60_000);
  });
});
