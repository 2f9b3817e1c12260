import { Checkpoints } from './checkpoints';

/** Timers that run when the test says so. */
function manualClock() {
  const due = new Map<number, () => void>();
  const after = (milliseconds: number, callback: () => void) => {
    due.set(milliseconds, callback);
    return () => void due.delete(milliseconds);
  };
  const run = (milliseconds: number) => due.get(milliseconds)!();
  return { after, due, run };
}

describe('checkpoints', () => {
  it('are stored once for all calls within the time', async () => {
    const clock = manualClock();
    const store = jest.fn(async () => undefined);
    const checkpoints = new Checkpoints(clock, store);
    checkpoints.within(200);
    checkpoints.within(200);
    expect([clock.due.size, store.mock.calls.length]).toEqual([1, 0]);
    clock.run(200);
    await checkpoints.now();
    expect(store).toHaveBeenCalledTimes(2);
  });

  it('are stored one after the other', async () => {
    const begun: (() => void)[] = [];
    const store = () => new Promise<void>((resolve) => begun.push(resolve));
    const checkpoints = new Checkpoints(manualClock(), store);
    const both = [checkpoints.now(), checkpoints.now()];
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toHaveLength(1);
    begun[0]!();
    await both[0];
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toHaveLength(2);
    begun[1]!();
    await both[1];
  });

  it('are stored on demand only after they were cancelled', async () => {
    const clock = manualClock();
    const store = jest.fn(async () => undefined);
    const checkpoints = new Checkpoints(clock, store);
    checkpoints.within(200);
    checkpoints.cancel();
    checkpoints.within(500);
    expect(clock.due.size).toBe(0);
    await checkpoints.now();
    expect(store).toHaveBeenCalledTimes(1);
  });
});
