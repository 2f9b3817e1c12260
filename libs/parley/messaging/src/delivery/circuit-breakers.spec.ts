import { VirtualClock } from '@parley/testing';
import type { RegisteredSubscription } from '../ports/subscription';
import type { CircuitBreakerOptions, Permit } from './circuit-breaker';
import { CircuitBreakers } from './circuit-breakers';

const DOWN = new Error('the provider is down');
const till = { kind: 'command', name: 'till' } as RegisteredSubscription;
const readers = { kind: 'event', name: 'till.readers' } as RegisteredSubscription;

let clock: VirtualClock;
let logged: string[];

beforeEach(() => {
  clock = new VirtualClock();
  logged = [];
});

const newBreakers = (options?: Partial<CircuitBreakerOptions> | false) =>
  new CircuitBreakers(options, clock, (level, message) => logged.push(`${level} ${message}`));

/** Handlings one after the other, all of which fail or none. */
async function handle(
  breakers: CircuitBreakers,
  times: number,
  error?: Error,
  subscription: RegisteredSubscription = till,
) {
  for (let n = 0; n < times; n++) {
    const permit = (await breakers.acquire(subscription)) as Permit;
    if (error) permit.failed(error, `message-${n}`);
    else permit.succeeded();
  }
}

describe('the circuit breakers of a process', () => {
  it('pause a subscription when half of at least 20 handlings failed within 10 s', async () => {
    const breakers = newBreakers();
    await handle(breakers, 19, DOWN);
    expect(breakers.isPaused(till)).toBe(false);
    await clock.advance('10s');
    await handle(breakers, 11);
    await handle(breakers, 10, DOWN);
    expect(breakers.isPaused(till)).toBe(false);
    await handle(breakers, 1, DOWN);
    expect(breakers.isPaused(till)).toBe(true);
  });

  it('pause for 1 s, and longer after each probe that fails, up to 30 s', async () => {
    const breakers = newBreakers();
    await handle(breakers, 20, DOWN);
    const pauses: number[] = [];
    for (let n = 0; n < 7; n++) {
      const pause = breakers.paused()[0]!.nextProbe - clock.now();
      pauses.push(pause);
      await clock.advance(pause);
      await handle(breakers, 1, DOWN);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('have other bounds where a service sets them, and the usual ones beside', async () => {
    const breakers = newBreakers({ minimumThroughput: 4 });
    await handle(breakers, 3, DOWN);
    await handle(breakers, 3);
    expect(breakers.isPaused(till)).toBe(false);
    await handle(breakers, 1, DOWN);
    expect(breakers.isPaused(till)).toBe(true);
  });

  it('tell what is paused and why, and nothing of subscriptions that are not', async () => {
    const breakers = newBreakers();
    await handle(breakers, 20, DOWN);
    await handle(breakers, 20, undefined, readers);
    expect(breakers.isPaused(readers)).toBe(false);
    expect(breakers.paused()).toEqual([
      {
        kind: 'command',
        subscription: 'till',
        since: clock.now(),
        reason: expect.stringContaining(DOWN.message),
        nextProbe: clock.now() + 1_000,
      },
    ]);
    await clock.advance('1s');
    await handle(breakers, 1);
    expect(breakers.paused()).toEqual([]);
  });

  it('report a pause as an error with its reason, and its end', async () => {
    const breakers = newBreakers();
    await handle(breakers, 20, DOWN);
    await clock.advance('1s');
    await handle(breakers, 1);
    expect(logged).toEqual([
      expect.stringMatching(/^error till .*commands.*: .*the provider is down/),
      expect.stringMatching(/^info till /),
    ]);
  });

  it('never pause where they are switched off, and excuse no failure', async () => {
    const breakers = newBreakers(false);
    await handle(breakers, 40, DOWN);
    const permit = (await breakers.acquire(till)) as Permit;
    permit.undecided();
    expect(permit.failed(DOWN, 'message-1')).toBe(false);
    expect([breakers.isPaused(till), breakers.paused()]).toEqual([false, []]);
  });

  it('give what waits back when the service stops, also what comes later', async () => {
    const breakers = newBreakers();
    await handle(breakers, 20, DOWN);
    const waits = breakers.acquire(till);
    breakers.stop();
    expect(await waits).toBeUndefined();
    expect(await breakers.acquire(till)).toBeUndefined();
    await handle(breakers, 20, DOWN, readers);
    expect(await breakers.acquire(readers)).toBeUndefined();
  });

  it('give a message back whose lease is lost', async () => {
    const breakers = newBreakers();
    await handle(breakers, 20, DOWN);
    const lease = new AbortController();
    const waits = breakers.acquire(till, lease.signal);
    lease.abort();
    expect(await waits).toBeUndefined();
  });
});
