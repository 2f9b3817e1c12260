import { ConcurrencyLimit } from './concurrency-limit';
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
    this.answers.sort((one, other) => one.at - other.at);
    return at - now;
  }

  private answer(): void {
    while (this.answers[0] && this.answers[0].at <= this.clock.elapsed())
      this.limit.leave(this.answers.shift()!.latency);
  }
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
        let entered = 0;
        while (limit.enter()) entered += 1;
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
    let batch = 0;
    while (limit.enter('batch')) batch += 1;
    let interactive = 0;
    while (limit.enter('interactive')) interactive += 1;
    expect([batch, interactive, limit.inFlight]).toEqual([7, 3, 10]);
  });
});
