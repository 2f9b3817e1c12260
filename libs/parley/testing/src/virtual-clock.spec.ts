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
});
