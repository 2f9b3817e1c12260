import { KeyLanes } from './lanes';

/** Tasks that end when they are told to. */
function stage(concurrency: () => number) {
  const lanes = new KeyLanes(concurrency);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (key: string, name: string) =>
    lanes.add(key, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lanes, begun, add, end };
}

describe('lanes', () => {
  it('run one of a key at a time, in order, and keys side by side', async () => {
    const { begun, add, end } = stage(() => 2);
    for (const name of ['a1', 'a2', 'b1', 'c1']) add(name[0]!, name);
    expect(begun).toEqual(['a1', 'b1']);
    await end('b1');
    await end('a1');
    expect(begun).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  it('take turns', async () => {
    const { begun, add, end } = stage(() => 1);
    for (const name of ['a1', 'a2', 'a3', 'b1']) add(name[0]!, name);
    for (const name of ['a1', 'b1', 'a2']) await end(name);
    expect(begun).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('have room at once when more may run', async () => {
    let concurrency = 1;
    const { lanes, begun, add } = stage(() => concurrency);
    for (const key of ['a', 'b', 'c']) add(key, key);
    concurrency = 3;
    lanes.changed();
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('forget what has not begun, and tell when nothing runs', async () => {
    const { lanes, begun, add, end } = stage(() => 1);
    for (const name of ['a1', 'a2', 'b1']) add(name[0]!, name);
    let idle = false;
    void lanes.idle().then(() => (idle = true));
    lanes.clear();
    add('a', 'a3');
    await end('a1');
    expect([begun, idle]).toEqual([['a1', 'a3'], false]);
    await end('a3');
    expect([begun, idle]).toEqual([['a1', 'a3'], true]);
    await lanes.idle();
  });
});
