import { KeyLanes } from './log-lanes';
import { Partition } from './log-partition';

function task() {
  let finish!: () => void;
  const over = new Promise<void>((resolve) => (finish = resolve));
  const state = { started: false };
  return { state, finish, run: () => ((state.started = true), over) };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('key lanes', () => {
  it('run the tasks of one key one after the other, those of others meanwhile, and no more at a time than allowed', async () => {
    const lanes = new KeyLanes({ concurrency: 2 });
    const [a1, a2, b1, c1] = [task(), task(), task(), task()];
    lanes.add('a', a1.run);
    lanes.add('a', a2.run);
    lanes.add('b', b1.run);
    lanes.add('c', c1.run);
    const started = () => [a1, a2, b1, c1].map(({ state }) => state.started);
    expect(started()).toEqual([true, false, true, false]);
    a1.finish();
    await settled();
    expect(started()).toEqual([true, false, true, true]); // lanes take turns
    b1.finish();
    await settled();
    expect(started()).toEqual([true, true, true, true]);
  });
});

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
