import { VirtualClock } from '@parley/testing';
import { Checkpoints } from './checkpoints';

describe('checkpoints', () => {
  it('are stored once for all calls within the time', async () => {
    const clock = new VirtualClock();
    const store = jest.fn(async () => undefined);
    const checkpoints = new Checkpoints(clock, store);
    checkpoints.within(200);
    await clock.advance('100ms');
    checkpoints.within(200);
    await clock.advance('99ms');
    expect(store).not.toHaveBeenCalled();
    await clock.advance('500ms');
    expect(store).toHaveBeenCalledTimes(1);
  });

  it('are stored one after the other', async () => {
    const begun: (() => void)[] = [];
    const store = () => new Promise<void>((resolve) => begun.push(resolve));
    const checkpoints = new Checkpoints(new VirtualClock(), store);
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
    const clock = new VirtualClock();
    const store = jest.fn(async () => undefined);
    const checkpoints = new Checkpoints(clock, store);
    checkpoints.within(200);
    checkpoints.cancel();
    checkpoints.within(500);
    await clock.advance('1s');
    expect(store).not.toHaveBeenCalled();
    await checkpoints.now();
    expect(store).toHaveBeenCalledTimes(1);
  });
});
