import { BroadcastConsumer } from './broadcast-consumer';
import type { Delivery, Outcome } from '../ports/delivery';
import type { RegisteredSubscription } from '../ports/subscription';

const done: Outcome = { kind: 'done', settled: false };
const received = (n: number, size = 0) => ({ headers: { n: String(n) }, body: Buffer.alloc(size) });

/** A consumer of broadcasts; `next` ends the oldest handling. */
function listening(concurrency: number, most?: { messages: number; bytes: number }) {
  const deliveries: Delivery[] = [];
  const warnings: string[] = [];
  const finish: Array<(outcome: Outcome) => void> = [];
  const deliver = (delivery: Delivery) => {
    deliveries.push(delivery);
    return new Promise<Outcome>((resolve) => finish.push(resolve));
  };
  let changed = () => {};
  const subscription = {
    concurrency,
    onConcurrency: (listener: () => void) => void (changed = listener),
  };
  const hearing = new BroadcastConsumer(
    subscription as unknown as RegisteredSubscription,
    deliver,
    (level, message) => warnings.push(`${level} ${message}`),
    most,
  );
  const allow = (more: number) => {
    subscription.concurrency = more;
    changed();
  };
  const numbers = () => deliveries.map(({ headers }) => Number(headers.n));
  const next = async () => {
    finish.shift()!(done);
    await new Promise(setImmediate);
  };
  return { hearing, numbers, next, warnings, deliveries, allow };
}

describe('hearing broadcasts', () => {
  it('handles no more at a time than allowed, in the order they came', async () => {
    const { hearing, numbers, next } = listening(2);
    for (let n = 1; n <= 4; n++) hearing.receive(received(n));
    expect(numbers()).toEqual([1, 2]);
    await next();
    expect(numbers()).toEqual([1, 2, 3]);
  });

  it('misses what exceeds those that may wait, and warns once a time', async () => {
    const { hearing, numbers, next, warnings } = listening(1, { messages: 2, bytes: 1_000 });
    for (let n = 1; n <= 6; n++) hearing.receive(received(n));
    for (let n = 0; n < 3; n++) await next();
    expect(numbers()).toEqual([1, 2, 3]);
    expect(warnings).toEqual([expect.stringMatching(/^warn .*2 wait/)]);
  });

  it('warns again when it has caught up and falls behind once more', async () => {
    const { hearing, next, warnings } = listening(1, { messages: 1, bytes: 1_000 });
    for (const times of [1, 2]) {
      for (let n = 1; n <= 4; n++) hearing.receive(received(n));
      expect(warnings).toHaveLength(times);
      await next();
      await next();
    }
  });

  it('counts names and values of headers, and takes exactly as many bytes as allowed', async () => {
    const { hearing, numbers, next } = listening(1, { messages: 10, bytes: 20 });
    hearing.receive(received(1)); // being handled
    hearing.receive(received(2, 8)); // 8 bytes, and n=2: 10
    hearing.receive(received(3, 8));
    hearing.receive(received(4)); // 2 more than there is room for
    for (let n = 0; n < 3; n++) await next();
    expect(numbers()).toEqual([1, 2, 3]);
  });

  it('handles more at once as soon as more are allowed', () => {
    const { hearing, numbers, allow } = listening(1);
    for (let n = 1; n <= 3; n++) hearing.receive(received(n));
    allow(3);
    expect(numbers()).toEqual([1, 2, 3]);
  });

  it('takes nothing back: a broadcast is delivered once', () => {
    const { hearing, deliveries } = listening(1);
    hearing.receive(received(1));
    expect(deliveries[0]).toMatchObject({ attempt: 1, supports: { retry: false, dead: false } });
  });

  it('handles nothing after stop, also where there is room', () => {
    const { hearing, numbers } = listening(2);
    hearing.stop();
    hearing.receive(received(1));
    expect(numbers()).toEqual([]);
    expect(hearing.unsettled).toBe(0);
  });

  it('misses what is too much to keep, however few they are, and hears again when there is room', async () => {
    const { hearing, numbers, next, warnings } = listening(1, { messages: 10, bytes: 1_000 });
    for (let n = 1; n <= 4; n++) hearing.receive(received(n, 400));
    expect(warnings).toEqual([expect.stringContaining('2 wait')]);
    await next();
    hearing.receive(received(5, 400));
    for (let n = 0; n < 3; n++) await next();
    expect(numbers()).toEqual([1, 2, 3, 5]);
  });

  it('fetches what is deferred when its turn comes, and handles nothing that is gone', async () => {
    const { hearing, numbers, next } = listening(1);
    const fetched: number[] = [];
    const deferred = (n: number, isThere = true) => ({
      fetch: async () => (fetched.push(n), isThere ? received(n) : undefined),
    });
    hearing.receive(received(1));
    for (const one of [deferred(2, false), deferred(3)]) hearing.receive(one);
    expect(fetched).toEqual([]);
    expect(hearing.unsettled).toBe(3);
    await next();
    await new Promise(setImmediate);
    expect(fetched).toEqual([2, 3]);
    expect(numbers()).toEqual([1, 3]);
    await next();
    expect(hearing.unsettled).toBe(0);
  });

  it('hands nothing over after stop, and tells what is under way to give up', async () => {
    const { hearing, numbers, next, deliveries } = listening(1);
    hearing.receive(received(1));
    hearing.receive(received(2));
    hearing.stop();
    hearing.receive(received(3));
    const closed = hearing.close();
    expect(deliveries[0]!.signal.aborted).toBe(true);
    await next();
    await closed;
    expect(numbers()).toEqual([1]);
  });

  it('waits no longer than a second for one that does not give up', async () => {
    jest.useFakeTimers();
    try {
      const { hearing } = listening(1);
      hearing.receive(received(1));
      const closed = jest.fn();
      void hearing.close().then(closed);
      await jest.advanceTimersByTimeAsync(999);
      expect(closed).not.toHaveBeenCalled();
      await jest.advanceTimersByTimeAsync(1);
      expect(closed).toHaveBeenCalled();
    } finally {
      jest.useRealTimers();
    }
  });
});
