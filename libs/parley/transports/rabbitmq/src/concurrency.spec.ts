import { Semaphore, KeyedMutex, Underway } from './concurrency';

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('turns', () => {
  it('lets one after the other through per name, in the order of asking', async () => {
    const turns = new KeyedMutex();
    const seen: string[] = [];
    const [first, second] = [gate(), gate()];
    const all = [
      turns.take('a', async () => void (await first.opened, seen.push('a1'))),
      turns.take('a', async () => void (await second.opened, seen.push('a2'))),
      turns.take('b', async () => void seen.push('b1')),
    ];
    second.open();
    await all[2];
    expect(seen).toEqual(['b1']);
    first.open();
    await Promise.all(all);
    expect(seen).toEqual(['b1', 'a1', 'a2']);
  });
});

describe('slots', () => {
  it('are never more than there are, and come free when something fails', async () => {
    const slots = new Semaphore(() => 1);
    const { open, opened } = gate();
    const failing = slots.hold(async () => opened.then(() => Promise.reject(new Error('no'))));
    const next = slots.hold(async () => 'next');
    open();
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('next');
  });
});

describe('slots whose number changes', () => {
  it('let in those who wait when there are more, and nobody until enough have gone when there are fewer', async () => {
    let most = 1;
    const slots = new Semaphore(() => most);
    const gates = Array.from({ length: 5 }, gate);
    const begun: number[] = [];
    const all = gates.map(({ opened }, n) => slots.hold(() => (begun.push(n), opened)));
    most = 3;
    slots.changed();
    await Promise.resolve();
    expect(begun).toEqual([0, 1, 2]);
    most = 1;
    slots.changed();
    for (const n of [0, 1]) {
      gates[n]!.open();
      await all[n];
    }
    expect(begun).toEqual([0, 1, 2]);
    gates[2]!.open();
    await all[2];
    expect(begun).toEqual([0, 1, 2, 3]);
    for (const { open } of gates) open();
    await Promise.all(all);
  });
});

describe('what is under way', () => {
  it('has ended when what began meanwhile has ended too', async () => {
    const underway = new Underway();
    const [first, second] = [gate(), gate()];
    underway.add(first.opened.then(() => void underway.add(second.opened)));
    let ended = false;
    const end = underway.ended().then(() => (ended = true));
    first.open();
    await first.opened;
    expect(ended).toBe(false);
    second.open();
    await end;
    expect(underway.size).toBe(0);
  });
});
