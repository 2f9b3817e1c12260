import { MovedClock } from './moved-clock.fixture';
import { RetryBudget } from './retry-budget';

let clock: MovedClock;
beforeEach(() => (clock = new MovedClock()));

/** Requests at an even rate to a target of which every second answer fails, each tried 4 times. */
function asked(budget: RetryBudget, requests: number, perSecond: number): number {
  let tries = 0;
  for (let request = 0; request < requests; request++) {
    clock.forward(1_000 / perSecond);
    budget.request();
    tries += 1;
    for (let retry = 0; retry < 3 && tries % 2 === 1 && budget.take(); retry++) tries += 1;
  }
  return tries;
}

describe('a retry budget', () => {
  it.each([5, 20, 1_000])(
    'allows 1.2 times the requests and 10 more, at %d requests a second',
    (perSecond) => {
      const tries = asked(new RetryBudget(clock), 10_000, perSecond);
      expect(tries).toBeGreaterThan(11_900);
      expect(tries).toBeLessThanOrEqual(12_010);
    },
  );

  it('allows a caller of few requests to try each again', () => {
    const budget = new RetryBudget(clock);
    for (let request = 0; request < 100; request++) {
      clock.forward(2_000);
      budget.request();
      expect(budget.take()).toBe(true);
    }
  });

  it('allows a caller of few requests no more a second than it says', () => {
    const budget = new RetryBudget(clock, { initial: 0, perSecond: 0.5 });
    const left = [1, 2].map(() => {
      clock.forward(1_000);
      budget.request();
      return budget.left;
    });
    expect(left).toEqual([0, 1]);
  });

  it('has 10 for a new target, and saves 100 at most', () => {
    const budget = new RetryBudget(clock);
    expect(budget.left).toBe(10);
    for (let request = 0; request < 10_000; request++) budget.request();
    expect(budget.left).toBe(100);
    for (let retry = 0; retry < 100; retry++) expect(budget.take()).toBe(true);
    expect(budget.take()).toBe(false);
  });

  it('brings one for a long silence, not many', () => {
    const budget = new RetryBudget(clock, { initial: 0 });
    clock.forward(3_600_000);
    budget.request();
    expect([budget.take(), budget.take()]).toEqual([true, false]);
  });
});
