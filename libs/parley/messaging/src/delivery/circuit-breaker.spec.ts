import { getEventListeners } from 'node:events';
import { VirtualClock } from '@parley/testing';
import { CircuitBreaker, type Permit } from './circuit-breaker';

const OPTIONS = {
  failureRatio: 0.5,
  minimumThroughput: 20,
  samplingWindow: '10s',
  breakDuration: '1s',
  maxBreakDuration: '30s',
} as const;
const DOWN = new Error('the provider is down');

let clock: VirtualClock;
let changes: string[];
let circuitBreaker: CircuitBreaker;
let never: AbortSignal;

beforeEach(() => {
  clock = new VirtualClock();
  changes = [];
  never = new AbortController().signal;
  circuitBreaker = new CircuitBreaker(OPTIONS, clock, (paused) =>
    changes.push(paused ? 'paused' : 'resumed'),
  );
});

const turn = () => circuitBreaker.acquire(never) as Permit;
const succeed = (times: number) => Array.from({ length: times }, () => turn().succeeded());
const fail = (times: number) =>
  Array.from({ length: times }, (_, index) => turn().failed(DOWN, `message-${index}`));

/** One that waits; `admitted` once it has its turn. */
function wait(...signals: AbortSignal[]) {
  const waiting: { admitted?: boolean; turn?: Permit } = {};
  void Promise.resolve(circuitBreaker.acquire(never, ...signals)).then((given) =>
    Object.assign(waiting, { admitted: given !== undefined, turn: given }),
  );
  return waiting;
}

describe('a circuit breaker', () => {
  it('lets everything through while little fails', () => {
    succeed(30);
    fail(20);
    expect(circuitBreaker.paused).toBeUndefined();
  });

  it('pauses when half of at least 20 handlings within the window failed, and says why', () => {
    succeed(10);
    expect(fail(10)).toEqual([...Array<boolean>(9).fill(false), true]);
    expect(circuitBreaker.paused).toMatchObject({
      reason: '10 of 20 handlings failed within 10s, the last with Error: the provider is down',
    });
    expect(changes).toEqual(['paused']);
  });

  it('shows nobody the personal and secret texts of the message that failed last', () => {
    fail(19);
    turn().failed(new Error('Ada King has no tok_4242'), 'm', () => ['Ada King', 'tok_4242']);
    expect(circuitBreaker.paused!.reason).toMatch(/, the last with Error: … has no …$/);
  });

  it('does not judge by fewer', () => {
    fail(19);
    expect(circuitBreaker.paused).toBeUndefined();
  });

  it('forgets what is longer ago than the window', async () => {
    fail(19);
    await clock.advance('11s');
    fail(19);
    expect(circuitBreaker.paused).toBeUndefined();
    fail(1);
    expect(circuitBreaker.paused).toBeDefined();
  });

  it('does not judge by what ended in another way', () => {
    for (let i = 0; i < 50; i++) turn().undecided();
    fail(19);
    expect(circuitBreaker.paused).toBeUndefined();
  });

  it('holds messages, and after a second lets the first of them try', async () => {
    fail(20);
    const [first, second] = [wait(), wait()];
    await clock.advance('999ms');
    expect(first.admitted).toBeUndefined();
    await clock.advance('1ms');
    expect([first.admitted, second.admitted]).toEqual([true, undefined]);
  });

  it('lets one message try at a time, and says meanwhile why it pauses, and since when', async () => {
    fail(20);
    const { since, reason } = circuitBreaker.paused!;
    const probe = wait();
    await clock.advance('5s');
    const late = wait();
    await clock.advance(0);
    expect([probe.admitted, late.admitted]).toEqual([true, undefined]);
    expect(circuitBreaker.paused).toMatchObject({ since, reason });
    probe.turn!.failed(DOWN, 'message-1');
    expect(circuitBreaker.paused).toMatchObject({ since, reason });
  });

  it('lets all go on when the probe succeeds', async () => {
    fail(20);
    const [first, second, third] = [wait(), wait(), wait()];
    await clock.advance('1s');
    first.turn!.succeeded();
    await clock.advance(0);
    expect([second.admitted, third.admitted]).toEqual([true, true]);
    expect(circuitBreaker.paused).toBeUndefined();
    expect(changes).toEqual(['paused', 'resumed']);
  });

  it('forgets what failed before the pause when it goes on', async () => {
    fail(20);
    const probe = wait();
    await clock.advance('1s');
    probe.turn!.succeeded();
    fail(19);
    expect(circuitBreaker.paused).toBeUndefined();
  });

  it('waits twice as long after each failed probe, up to the longest wait', async () => {
    fail(20);
    const pauses: number[] = [];
    for (let probes = 0; probes < 7; probes++) {
      pauses.push(circuitBreaker.paused!.nextProbe - clock.now());
      const probe = wait();
      await clock.advance(pauses.at(-1)!);
      probe.turn!.failed(DOWN, 'message-1');
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('takes another message for each probe', async () => {
    fail(20);
    const [first, second] = [wait(), wait()];
    await clock.advance('1s');
    first.turn!.failed(DOWN, 'message-1');
    const again = wait();
    await clock.advance('2s');
    expect([second.admitted, again.admitted]).toEqual([true, undefined]);
  });

  it('takes whoever comes for the probe when nobody waited', async () => {
    fail(20);
    await clock.advance('5s');
    const late = wait();
    await clock.advance(0);
    expect(late.admitted).toBe(true);
  });

  it('takes the next for the probe when one tells nothing', async () => {
    fail(20);
    const [first, second] = [wait(), wait()];
    await clock.advance('1s');
    first.turn!.undecided();
    await clock.advance(0);
    expect(second.admitted).toBe(true);
  });

  it('pauses longer when it fails again as soon as it went on', async () => {
    fail(20);
    const probe = wait();
    await clock.advance('1s');
    probe.turn!.succeeded();
    fail(20);
    expect(circuitBreaker.paused!.nextProbe - clock.now()).toBe(2_000);
  });

  it('begins with a short pause when it had gone well for a while', async () => {
    fail(20);
    const probe = wait();
    await clock.advance('1s');
    probe.turn!.succeeded();
    await clock.advance('11s');
    fail(20);
    expect(circuitBreaker.paused!.nextProbe - clock.now()).toBe(1_000);
  });

  it('excuses the failures of what was under way when it paused', () => {
    const underway = turn();
    fail(20);
    expect(underway.failed(DOWN, 'late')).toBe(true);
    expect(changes).toEqual(['paused']);
  });

  it('does not take the success of what was under way for a proof', () => {
    const underway = turn();
    fail(20);
    underway.succeeded();
    expect(circuitBreaker.paused).toBeDefined();
  });

  it('excuses a message ten times, then lets it be judged', async () => {
    fail(20);
    const excused: boolean[] = [];
    for (let i = 0; i < 11; i++) {
      await clock.advance('30s');
      const probe = wait();
      await clock.advance(0);
      excused.push(probe.turn!.failed(DOWN, 'poison'));
    }
    expect(excused).toEqual([...Array<boolean>(10).fill(true), false]);
  });

  it('excuses a message ten times in each pause, whatever was excused in the one before', async () => {
    for (let pauses = 0; pauses < 2; pauses++) {
      fail(20);
      for (let i = 0; i < 10; i++) {
        await clock.advance('30s');
        const probe = wait();
        await clock.advance(0);
        expect(probe.turn!.failed(DOWN, 'unlucky')).toBe(true);
      }
      await clock.advance('30s');
      const probe = wait();
      await clock.advance(0);
      probe.turn!.succeeded();
    }
  });

  it('pauses at the share of failures that it is told', () => {
    circuitBreaker = new CircuitBreaker({ ...OPTIONS, failureRatio: 0.8 }, clock);
    succeed(20);
    fail(79);
    expect(circuitBreaker.paused).toBeUndefined();
    fail(1);
    expect(circuitBreaker.paused).toBeDefined();
  });

  it('gives back what it held for a minute', async () => {
    fail(20);
    const [probe, held] = [wait(), wait()];
    await clock.advance('59s');
    expect([probe.admitted, held.admitted]).toEqual([true, undefined]);
    await clock.advance('1s');
    expect(held.admitted).toBe(false);
  });

  it('gives back what is no longer ours', async () => {
    fail(20);
    const lease = new AbortController();
    const held = wait(lease.signal);
    lease.abort();
    const lost = wait(lease.signal);
    await clock.advance(0);
    expect([held.admitted, lost.admitted]).toEqual([false, false]);
  });

  it('leaves nothing behind at the signals of what it held', async () => {
    fail(20);
    const lease = new AbortController();
    const probe = wait(lease.signal);
    await clock.advance('1s');
    expect(probe.admitted).toBe(true);
    expect([never, lease.signal].flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual(
      [],
    );
  });

  it('probes when its timer fires, also when that is before the clock has come so far', async () => {
    const early = {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      after: (delay: number, callback: () => void) => clock.after(delay - 1, callback),
    };
    circuitBreaker = new CircuitBreaker(OPTIONS, early);
    fail(20);
    const held = wait();
    await clock.advance('999ms');
    expect(held.admitted).toBe(true);
  });

  it('gives everything back when the service stops', async () => {
    fail(20);
    const held = wait();
    circuitBreaker.stop();
    const late = wait();
    await clock.advance(0);
    expect([held.admitted, late.admitted]).toEqual([false, false]);
  });

  it('sets no timer for another probe when the service has stopped', async () => {
    fail(20);
    const probe = wait();
    await clock.advance('1s');
    circuitBreaker.stop();
    const after = jest.spyOn(clock, 'after');
    probe.turn!.failed(DOWN, 'message-1');
    expect(after).not.toHaveBeenCalled();
  });
});
