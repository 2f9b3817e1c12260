import { VirtualClock } from './virtual-clock';

describe('a virtual clock', () => {
  it('runs timers at their time, in order, also those that timers set', async () => {
    const clock = new VirtualClock(0);
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name} at ${clock.now()}`);
    clock.after(300, note('c'));
    clock.after(100, () => {
      note('a')();
      clock.after(100, note('b'));
    });
    clock.after(300, note('d'));
    await clock.advance('250ms');
    expect([ran, clock.now()]).toEqual([['a at 100', 'b at 200'], 250]);
    await clock.advance(50);
    expect(ran.slice(2)).toEqual(['c at 300', 'd at 300']);
  });

  it('waits for the work of a timer before it runs the next', async () => {
    const clock = new VirtualClock(0);
    const ran: string[] = [];
    clock.after(1, async () => {
      await new Promise(setImmediate);
      ran.push(`late, at ${clock.now()}`);
    });
    clock.after(2, () => ran.push('next'));
    await clock.advance(2);
    expect(ran).toEqual(['late, at 1', 'next']);
  });

  it('forgets a timer that is cancelled', async () => {
    const clock = new VirtualClock();
    const callback = jest.fn();
    clock.after(1, callback)();
    await clock.advance('1h');
    expect(callback).not.toHaveBeenCalled();
  });

  describe('with a poll', () => {
    let clock: VirtualClock;
    let looks: number[];
    const poll = (): void => {
      looks.push(clock.now());
      clock.after(1_000, poll, { poll: true });
    };
    beforeEach(() => {
      [clock, looks] = [new VirtualClock(0), []];
      clock.after(1_000, poll, { poll: true });
    });

    it('leaves it out while nothing happens', async () => {
      await clock.advance('1h');
      expect(looks).toEqual([1_000, 2_000, 3_000]);
    });

    it('runs it after each timer, at the times at which it would have looked', async () => {
      clock.after(60_500, () => undefined);
      await clock.advance('1h');
      expect(looks.slice(3)).toEqual([61_000, 62_000, 63_000]);
    });

    it('runs it after what it has found', async () => {
      clock.after(2_500, () => undefined);
      await clock.advance('4s');
      clock.happened();
      await clock.advance('1h');
      expect(looks).toEqual([1, 2, 3, 4, 5, 6, 7].map((second) => second * 1_000));
    });

    it('runs one that looks at the same time as a timer', async () => {
      clock.after(60_000, () => undefined);
      await clock.advance('1m');
      expect(looks.slice(3)).toEqual([60_000]);
    });
  });
});
