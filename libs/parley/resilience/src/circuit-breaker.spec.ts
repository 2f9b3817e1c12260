import { CircuitBreaker, type CircuitPermit, type RequestOutcome } from './circuit-breaker';
import { MovedClock } from './moved-clock.fixture';

let clock: MovedClock;
let breaker: CircuitBreaker;
let changes: string[];

beforeEach(() => {
  clock = new MovedClock();
  clock.forward(3_600_000);
  changes = [];
  breaker = new CircuitBreaker(clock, {}, (state) => changes.push(state));
});

/** How many of the requests were let through. */
function requests(count: number, outcome: (index: number) => RequestOutcome): number {
  let made = 0;
  for (let index = 0; index < count; index++) {
    const permit = breaker.acquire();
    if (permit === undefined) continue;
    made += 1;
    breaker.report(permit, outcome(index));
  }
  return made;
}
const failing = (count: number) => requests(count, () => 'failure');
const succeeding = (count: number) => requests(count, () => 'success');

describe('a circuit breaker', () => {
  it('opens after 20 failures, however many succeeded before', () => {
    succeeding(10_000);
    clock.forward(200);
    expect(failing(100)).toBe(20);
    expect([breaker.state, changes]).toEqual(['open', ['open']]);
  });

  it('opens when 19 of 20 requests failed, not before', () => {
    expect(requests(20, (index) => (index < 2 ? 'success' : 'failure'))).toBe(20);
    expect(breaker.state).toBe('closed');
    clock.forward(200);
    expect(requests(20, (index) => (index < 1 ? 'success' : 'failure'))).toBe(20);
    expect(breaker.state).toBe('open');
  });

  it('stays closed when half of the requests made together fail at once', () => {
    for (let earlier = 0; earlier < 3; earlier++) {
      succeeding(1);
      clock.forward(200);
    }
    const permits = Array.from({ length: 100 }, () => breaker.acquire()!);
    for (const permit of permits.slice(0, 50)) breaker.report(permit, 'failure');
    expect(breaker.state).toBe('closed');
    for (const permit of permits.slice(50)) breaker.report(permit, 'success');
    expect(breaker.state).toBe('closed');
  });

  it('stays closed when the other half fails late', () => {
    const permits = Array.from({ length: 100 }, () => breaker.acquire()!);
    for (const permit of permits.slice(50)) breaker.report(permit, 'success');
    clock.forward(1_000);
    for (const permit of permits.slice(0, 50)) breaker.report(permit, 'failure');
    expect(breaker.state).toBe('closed');
  });

  it.each([1_000, 60_000])('opens when requests time out after %d ms', (deadline) => {
    const underWay: { permit: CircuitPermit; until: number }[] = [];
    let now = 0;
    for (; breaker.state === 'closed' && now < 2 * deadline + 30_000; now += 200) {
      if (underWay[0]?.until === now) breaker.report(underWay.shift()!.permit, 'failure');
      const permit = breaker.acquire();
      if (permit) underWay.push({ permit, until: now + deadline });
      clock.forward(200);
    }
    // The twentieth began after 19 others.
    expect(now).toBeLessThanOrEqual(deadline + 20 * 200);
    expect(breaker.state).toBe('open');
  });

  it('stays closed while half of the requests fail', () => {
    expect(requests(1_000, (index) => (index % 2 ? 'success' : 'failure'))).toBe(1_000);
  });

  it('forgets failures that are older than its window', () => {
    succeeding(1);
    failing(18);
    clock.forward(31_000);
    succeeding(1);
    failing(18);
    expect(breaker.state).toBe('closed');
  });

  it('forgets them also while a request of their time is under way', () => {
    const slow = breaker.acquire()!;
    failing(18);
    clock.forward(31_000);
    failing(1);
    expect(breaker.state).toBe('closed');
    breaker.report(slow, 'success');
  });

  it('remembers nothing of the requests before its window', () => {
    const size = () => JSON.stringify(breaker).length;
    const tenths = (count: number) => {
      for (let tenth = 0; tenth < count; tenth++) {
        succeeding(2);
        clock.forward(100);
      }
    };
    tenths(300);
    const ofOneWindow = size();
    tenths(900);
    expect(size()).toBeLessThan(1.1 * ofOneWindow);
  });

  it('does not count what says nothing about the target', () => {
    expect(requests(1_000, () => 'undecided')).toBe(1_000);
    expect(failing(100)).toBe(20);
  });

  it('lets one probe through after a pause, and closes when it succeeds', () => {
    failing(20);
    clock.forward(499);
    expect(breaker.acquire()).toBeUndefined();
    clock.forward(1);
    expect(breaker.state).toBe('half-open');
    const probe = breaker.acquire()!;
    expect(probe).toBeDefined();
    expect(breaker.acquire()).toBeUndefined();
    expect(breaker.state).toBe('half-open');
    breaker.report(probe, 'success');
    expect([breaker.state, changes]).toEqual(['closed', ['open', 'closed']]);
  });

  it('waits twice as long after each failed probe, at most 2 s', () => {
    failing(20);
    const pauses = [500, 1_000, 2_000, 2_000];
    for (const pause of pauses) {
      clock.forward(pause - 1);
      expect(breaker.acquire()).toBeUndefined();
      clock.forward(1);
      expect(failing(2)).toBe(1);
    }
    expect(changes).toEqual(['open']);
  });

  it('gives the place of a probe that decided nothing to the next one', () => {
    failing(20);
    clock.forward(1_000);
    expect(requests(5, () => 'undecided')).toBe(5);
    expect(breaker.state).toBe('half-open');
    expect(succeeding(1)).toBe(1);
    expect(breaker.state).toBe('closed');
  });

  it('pays no attention to requests from before it opened', () => {
    const [early, ...late] = Array.from({ length: 30 }, () => breaker.acquire()!);
    clock.forward(200);
    failing(20);
    breaker.report(early!, 'success');
    clock.forward(1_000);
    const probe = breaker.acquire()!;
    for (const permit of late.slice(15)) breaker.report(permit, 'failure');
    breaker.report(probe, 'success');
    for (const permit of late.slice(0, 15)) breaker.report(permit, 'failure');
    expect([breaker.state, changes]).toEqual(['closed', ['open', 'closed']]);
  });

  it('begins with a longer pause when it opens again soon after it closed', () => {
    failing(20);
    clock.forward(500);
    succeeding(1);
    failing(20);
    clock.forward(500);
    expect(breaker.acquire()).toBeUndefined();
    clock.forward(500);
    succeeding(1);
    clock.forward(30_000);
    failing(20);
    clock.forward(500);
    expect(breaker.acquire()).toBeDefined();
  });
});
