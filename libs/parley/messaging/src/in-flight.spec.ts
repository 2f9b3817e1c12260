import { InFlight } from './in-flight';

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('what is in flight', () => {
  it('is drained at once when there is nothing', async () => {
    expect(await new InFlight().drained(0)).toBe(true);
  });

  it('is drained when the last of it has ended, however it ended', async () => {
    const inFlight = new InFlight();
    const [first, second] = [gate(), gate()];
    const failing = inFlight
      .track(() => first.opened.then(() => Promise.reject(new Error('no luck'))))
      .catch((error: Error) => error.message);
    const succeeding = inFlight.track(() => second.opened);
    let isDrained = false;
    const drained = inFlight.drained(60_000).finally(() => (isDrained = true));
    expect(inFlight.size).toBe(2);
    first.open();
    expect(await failing).toBe('no luck');
    await new Promise(setImmediate);
    expect([inFlight.size, isDrained]).toEqual([1, false]);
    second.open();
    expect(await drained).toBe(true);
    await succeeding;
  });

  it('counts work that fails before its first await', async () => {
    const inFlight = new InFlight();
    const work = inFlight.track(() => {
      throw new Error('at once');
    });
    await expect(work).rejects.toThrow('at once');
    expect(inFlight.size).toBe(0);
  });

  it('is told to give up when the time is over', async () => {
    const inFlight = new InFlight();
    const work = inFlight.track(
      (cancelled) =>
        new Promise<string>((resolve) =>
          cancelled.addEventListener('abort', () => resolve((cancelled.reason as Error).message)),
        ),
    );
    expect(await inFlight.drained(1)).toBe(false);
    expect(await work).toBe('the service is stopping');
    expect(await inFlight.drained(0)).toBe(true);
  });

  it('leaves no timer behind when it is drained in time: the process may end', async () => {
    const timers = () =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const others = timers();
    const inFlight = new InFlight();
    const { open, opened } = gate();
    void inFlight.track(() => opened);
    const drained = inFlight.drained(60_000);
    expect(timers()).toBe(others + 1);
    open();
    expect(await drained).toBe(true);
    expect(timers()).toBe(others);
  });

  it('may be waited for twice', async () => {
    const inFlight = new InFlight();
    const { open, opened } = gate();
    const work = inFlight.track(() => opened);
    const both = Promise.all([inFlight.drained(60_000), inFlight.drained(60_000)]);
    open();
    await work;
    expect(await both).toEqual([true, true]);
  });
});
