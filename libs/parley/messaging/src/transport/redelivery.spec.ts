import type { RegisteredSubscription } from '../ports/subscription';
import type { Delivery, Outcome } from '../ports/delivery';
import { deliverFromLog, deliverUntilSettled, IN_PLACE } from './redelivery';

/** Calls back at once, and counts. */
function countingClock() {
  const pauses: number[] = [];
  const after = (milliseconds: number, callback: () => void) => {
    pauses.push(milliseconds);
    callback();
    return () => undefined;
  };
  return { pauses, after };
}

describe('a message that is delivered until it is settled', () => {
  it('waits a second between attempts', async () => {
    const clock = countingClock();
    const attempt = jest.fn().mockResolvedValue(true).mockResolvedValueOnce(false);
    expect(await deliverUntilSettled(clock, attempt, () => true)).toBe(true);
    expect([attempt.mock.calls.length, clock.pauses]).toEqual([2, [1_000]]);
  });

  it('is given up when it is no longer wanted, without another pause', async () => {
    const clock = countingClock();
    expect(
      await deliverUntilSettled(
        clock,
        async () => false,
        () => false,
      ),
    ).toBe(false);
    expect(clock.pauses).toEqual([]);
  });

  it('is given up when it is no longer wanted after the pause', async () => {
    const clock = countingClock();
    const attempt = jest.fn().mockResolvedValue(false);
    expect(await deliverUntilSettled(clock, attempt, () => clock.pauses.length === 0)).toBe(false);
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('is settled although it is no longer wanted, when its last attempt settled it', async () => {
    expect(
      await deliverUntilSettled(
        countingClock(),
        async () => true,
        () => false,
      ),
    ).toBe(true);
  });
});

describe('a message of a log', () => {
  const deliver = async (kind: Outcome['kind'], subscription: Partial<RegisteredSubscription>) => {
    const logged: string[] = [];
    const place = {
      deliver: async () => ({ kind }) as Outcome,
      context: {
        log: (level: string, message: string) => void logged.push(`${level} ${message}`),
      },
    };
    const delivery: Delivery = {
      subscription: { name: 'orders', ...subscription } as RegisteredSubscription,
      headers: { type: 'orders.placed' },
      body: Buffer.from(''),
      attempt: 1,
      signal: new AbortController().signal,
      supports: IN_PLACE,
    };
    return { isSettled: await deliverFromLog('Kafka', place, delivery), logged };
  };

  it('is settled when it is done, and comes again when it was returned', async () => {
    expect(await deliver('done', { kind: 'event' })).toEqual({ isSettled: true, logged: [] });
    expect(await deliver('return', { kind: 'event' })).toEqual({ isSettled: false, logged: [] });
  });

  it('is neither delayed nor kept as a dead letter by its technology', () => {
    expect(IN_PLACE).toEqual({ retry: false, dead: false });
  });

  it('comes again, with an error in the log, after an outcome that no log supports', async () => {
    const { isSettled, logged } = await deliver('dead', { kind: 'event' });
    expect(isSettled).toBe(false);
    expect(logged).toEqual([
      'error orders: orders.placed came back as "dead", which Kafka does not support; it is delivered again',
    ]);
  });

  it.each([{ kind: 'broadcast' }, { kind: 'event', live: true }] as const)(
    'is not kept when it fails, and comes again when it was returned, if it is of %o',
    async (subscription) => {
      expect(await deliver('dead', subscription)).toEqual({ isSettled: true, logged: [] });
      expect(await deliver('return', subscription)).toEqual({ isSettled: false, logged: [] });
    },
  );
});
