import { MemoryStore } from '@parley/memory';
import type { Tx } from '@parley/messaging/transport';
import { VirtualClock } from '@parley/testing';
import { MemorySagaStore } from './memory-saga-store';

const HOUR_MS = 3_600_000;
const AFTER_MS = 60_000;
const KNOWN = [{ saga: 'trip', name: 'overdue' }];

describe.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('the time of day is set %s', (_, by) => {
  it('a timeout of a saga is due after its time, and a retry of its step after its own', async () => {
    const clock = new VirtualClock();
    const database = new MemoryStore(clock);
    const store = new MemorySagaStore(clock);
    const tx = <T>(work: (tx: Tx) => Promise<T>) => database.transaction(work);
    const claim = () => tx((t) => store.claim(t, KNOWN));
    const nextDue = () => tx((t) => store.nextDue(t, KNOWN));
    const entry = { at: '2026-01-01T00:00:00.000Z', trigger: 'trips.trip-requested', said: [] };
    await tx((t) =>
      store.start(t, [
        {
          name: 'trip',
          key: 'trip-1',
          state: {},
          stage: 'flying',
          done: false,
          correlationId: 'correlation',
          traceparent: 'trace',
          arm: [{ name: 'overdue', after: AFTER_MS, times: 0 }],
          entry,
        },
      ]),
    );
    clock.jump(by);
    await clock.advance(AFTER_MS - 1);
    expect(await claim()).toBeUndefined();
    expect(await nextDue()).toBe(1);
    const [shown] = (await tx((t) => store.find(t, 'trip', 'trip-1')))!.timeouts;
    expect(shown!.due.getTime()).toBe(clock.now() + 1); // as the clock on the wall has it now
    await clock.advance(1);
    await tx((t) =>
      store.postpone(t, { saga: 'trip', key: 'trip-1', name: 'overdue' }, AFTER_MS, 'down'),
    );
    clock.jump(by);
    await clock.advance(AFTER_MS - 1);
    expect(await claim()).toBeUndefined();
    await clock.advance(1);
    expect(await claim()).toMatchObject({ timeout: { name: 'overdue', failures: 1 } });
  });
});
