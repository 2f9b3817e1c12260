import { KeyedExecutor } from './keyed-executor';

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** Everything that is ready to run has run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('lanes of keys', () => {
  it('run one key in order, and others beside it', async () => {
    const seen: string[] = [];
    const first = gate();
    const lanes = new KeyedExecutor({ concurrency: 2 });
    lanes.add('a', async () => void (await first.opened, seen.push('a1')));
    lanes.add('a', async () => void seen.push('a2'));
    lanes.add('b', async () => void seen.push('b1'));
    await settled();
    expect(seen).toEqual(['b1']);
    first.open();
    await settled();
    expect(seen).toEqual(['b1', 'a1', 'a2']);
  });

  it('run no more than the bound says, also when it changes', async () => {
    let changed = () => {};
    const bound = {
      concurrency: 1,
      onConcurrency: (listener: () => void) => void (changed = listener),
    };
    const gates = Array.from({ length: 3 }, gate);
    const begun: number[] = [];
    const lanes = new KeyedExecutor(bound);
    gates.forEach(({ opened }, n) => lanes.add(String(n), async () => (begun.push(n), opened)));
    expect([begun, lanes.room]).toEqual([[0], 0]);
    bound.concurrency = 2;
    changed();
    expect(begun).toEqual([0, 1]);
    for (const { open } of gates) open();
    await settled();
    expect([begun, lanes.room]).toEqual([[0, 1, 2], 2]);
  });

  it('have room for what neither runs nor waits', async () => {
    const { opened, open } = gate();
    const lanes = new KeyedExecutor({ concurrency: 3 });
    lanes.add('a', () => opened);
    lanes.add('a', () => opened);
    expect(lanes.room).toBe(2);
    lanes.add('b', () => opened);
    expect(lanes.room).toBe(1);
    open();
    await settled();
    expect(lanes.room).toBe(3);
  });

  it('let lanes take turns', async () => {
    const seen: string[] = [];
    const lanes = new KeyedExecutor({ concurrency: 1 });
    const send = (text: string) => async () => void seen.push(text);
    for (const text of ['a1', 'a2', 'b1', 'b2']) lanes.add(text[0]!, send(text));
    await settled();
    expect(seen).toEqual(['a1', 'b1', 'a2', 'b2']);
  });

  it('forget what has not begun, and tell when nothing runs', async () => {
    const [first, second] = [gate(), gate()];
    const seen: string[] = [];
    const lanes = new KeyedExecutor({ concurrency: 1 });
    lanes.add('a', async () => void (await first.opened, seen.push('a1')));
    for (const text of ['a2', 'b1']) lanes.add(text[0]!, async () => void seen.push(text));
    let idle = false;
    void lanes.idle().then(() => (idle = true));
    lanes.clear();
    lanes.add('a', async () => void (await second.opened, seen.push('a3')));
    first.open();
    await settled();
    expect([seen, idle]).toEqual([['a1'], false]);
    second.open();
    await settled();
    expect([seen, idle]).toEqual([['a1', 'a3'], true]);
    await lanes.idle();
  });
});
