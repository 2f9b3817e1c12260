import { ConcurrencyLimit, type ConcurrencyLimitOptions, type Priority } from './concurrency-limit';
import { MovedClock } from './moved-clock.fixture';

/**
 * A service with `workers` that take `workMs` for a request; the others wait in a queue. Requests
 * come at an even rate and are answered with what they waited and took.
 */
class Service {
  readonly clock = new MovedClock();
  readonly limit = new ConcurrencyLimit(this.clock, { tolerableMs: 0 });
  /** When each worker is free again. */
  private readonly free: number[];
  /** The earliest first: each takes as long as the one before it. */
  private readonly answers: { readonly at: number; readonly latency: number }[] = [];

  constructor(
    workers: number,
    private readonly workMs: number,
  ) {
    this.free = Array.from({ length: workers }, () => 0);
  }

  /** Requests served within `inTimeMs`, and the number of the refused ones. */
  load(perSecond: number, seconds: number, inTimeMs: number) {
    const result = { inTime: 0, late: 0, refused: 0 };
    for (let request = 0; request < perSecond * seconds; request++) {
      this.clock.forward(1_000 / perSecond);
      this.answer();
      if (!this.limit.enter()) {
        result.refused += 1;
        continue;
      }
      const latency = this.handle();
      if (latency <= inTimeMs) result.inTime += 1;
      else result.late += 1;
    }
    return result;
  }

  private handle(): number {
    const now = this.clock.elapsed();
    const worker = this.free.indexOf(Math.min(...this.free));
    const at = (this.free[worker] = Math.max(now, this.free[worker]!) + this.workMs);
    this.answers.push({ at, latency: at - now });
    return at - now;
  }

  private answer(): void {
    while (this.answers[0] && this.answers[0].at <= this.clock.elapsed())
      this.limit.leave(this.answers.shift()!.latency);
  }
}

/** Number of the requests that may enter now. */
function entering(limit: ConcurrencyLimit, requests = 2_000, priority?: Priority): number {
  const entered = Array.from({ length: requests }, () => limit.enter(priority));
  return entered.filter(Boolean).length;
}

describe('a concurrency limit', () => {
  it('refuses nothing below the capacity', () => {
    const service = new Service(4, 20);
    expect(service.load(150, 60, 1_000).refused).toBe(0);
  });

  it('serves nearly all that the service can, in time, at three times its capacity for minutes', () => {
    const service = new Service(4, 20); // 200 a second
    service.load(100, 10, 1_000);
    service.load(600, 10, 1_000);
    const { inTime } = service.load(600, 300, 250);
    expect(inTime / 300).toBeGreaterThan(190);
    expect(service.limit.current).toBeLessThan(40);
  });

  it('returns to where it began after an overload', () => {
    const service = new Service(4, 20);
    service.load(100, 10, 1_000);
    service.load(600, 30, 1_000);
    expect(service.limit.current).toBeLessThan(40);
    service.load(100, 60, 1_000);
    expect(service.limit.current).toBe(1_000);
  });

  it('lowers nothing for latencies that harm no caller', () => {
    const clock = new MovedClock();
    const limit = new ConcurrencyLimit(clock, { tolerableMs: 500 });
    for (const latency of [10, 490]) {
      for (let round = 0; round < 20; round++) {
        for (let request = 0; request < 600; request++) limit.enter();
        clock.forward(500);
        for (let request = 0; request < 600; request++) limit.leave(latency);
      }
    }
    expect(limit.current).toBe(1_000);
  });

  it('falls to what is answered in time, also from far above', () => {
    const clock = new MovedClock();
    const limit = new ConcurrencyLimit(clock, { tolerableMs: 250 });
    const round = (requests: number, latency: number) => {
      for (let request = 0; request < requests; request++) limit.enter();
      clock.forward(latency + 500);
      for (let request = 0; request < requests; request++) limit.leave(latency);
    };
    round(20, 20);
    round(300, 1_000);
    round(300, 1_000);
    expect(limit.current).toBeLessThan(100);
  });

  it('is never less than 10, nor more than 1,000', () => {
    const clock = new MovedClock();
    const limit = new ConcurrencyLimit(clock, { tolerableMs: 0 });
    const rounds = (latencyOf: (round: number) => number) => {
      for (let round = 0; round < 100; round++) {
        const entered = entering(limit);
        clock.forward(500);
        for (let request = 0; request < entered; request++) limit.leave(latencyOf(round));
      }
    };
    rounds((round) => (round === 0 ? 1 : 10_000));
    expect(limit.current).toBe(10);
    rounds(() => 1);
    expect(limit.current).toBe(1_000);
  });

  it('keeps a part for interactive requests', () => {
    const limit = new ConcurrencyLimit(new MovedClock(), { tolerableMs: 0, initial: 10 });
    expect([entering(limit, 2_000, 'batch'), entering(limit), limit.inFlight]).toEqual([7, 3, 10]);
  });
});

describe('a concurrency limit that adapts', () => {
  const started = (options: Partial<ConcurrencyLimitOptions> = {}) => {
    const clock = new MovedClock();
    const limit = new ConcurrencyLimit(clock, { tolerableMs: 0, ...options });
    /** Requests come in each of so many windows, and take so long. Returns the limit. */
    const windows = (count: number, requests: number, latencyMs: number) => {
      for (let window = 0; window < count; window++) {
        const entered = entering(limit, requests);
        clock.forward(500);
        for (let request = 0; request < entered; request++) limit.leave(latencyMs);
      }
      return limit.current;
    };
    return { clock, limit, windows };
  };

  it('judges by half a second, not by less', () => {
    const { limit, windows } = started();
    entering(limit, 20);
    for (const latency of [1, 1_000])
      for (let request = 0; request < 10; request++) limit.leave(latency);
    expect(windows(1, 1, 1_000)).toBe(1_000);
  });

  it('judges by ten requests, not by fewer', () => {
    const { windows } = started();
    windows(1, 10, 10);
    expect(windows(9, 1, 1_000)).toBe(1_000);
    expect(windows(1, 1, 1_000)).toBe(10);
  });

  it('falls to the share of the requests there at once that are answered in time', () => {
    const { clock, limit, windows } = started({ tolerableMs: 250 });
    expect(limit.tolerableMs).toBe(250);
    windows(1, 10, 20);
    entering(limit, 200);
    for (let request = 0; request < 190; request++) limit.leave(1_000);
    limit.enter();
    clock.forward(500);
    limit.leave(1_000);
    // A quarter of 200, and its root.
    expect(limit.current).toBe(57);
  });

  it('rises above where it began only while half of it is used', () => {
    const { windows } = started({ initial: 100 });
    expect(windows(5, 10, 20)).toBe(100);
    expect(windows(1, 50, 20)).toBe(110);
  });

  it('takes for the usual what has been so for half a minute', () => {
    const { windows } = started();
    windows(1, 10, 100);
    expect(windows(1, 10, 180)).toBeLessThan(20);
    expect(windows(60, 10, 180)).toBeGreaterThan(100);
  });

  it('does not take for the usual what is far slower', () => {
    const { windows } = started();
    windows(1, 10, 100);
    expect(windows(60, 10, 10_000)).toBe(10);
  });

  it('takes for the usual what is a little faster', () => {
    const { windows } = started();
    windows(1, 10, 100);
    windows(200, 10, 60);
    expect(windows(1, 10, 120)).toBe(10);
  });

  it('expects fast answers soon after a slow time, also while requests are refused', () => {
    const { windows } = started({ initial: 20, most: 20, minimumSamples: 20 });
    windows(1, 30, 1_000);
    expect(windows(1, 30, 490)).toBe(20);
    windows(8, 30, 10);
    expect(windows(1, 30, 200)).toBe(10);
  });

  it('takes slow answers for the usual within half an hour while requests are refused, not within minutes', () => {
    const { windows } = started({ initial: 20, most: 20 });
    windows(1, 30, 100);
    expect(windows(300, 30, 200)).toBeLessThan(15);
    expect(windows(3_300, 30, 200)).toBe(20);
  });
});
