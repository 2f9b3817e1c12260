import { VirtualClock } from '@parley/testing';
import { MemoryStore } from './store';

const HOUR_MS = 3_600_000;
const LEASE_MS = 5_000;

it.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('the time of day is set %s: a call under a key is taken over after its lease', async (_, by) => {
  const clock = new VirtualClock();
  const { idempotency } = new MemoryStore(clock);
  const begin = () => idempotency.begin({ scope: 'ask', print: 'same' }, LEASE_MS);
  expect(await begin()).toMatchObject({ state: 'ours' });
  clock.jump(by);
  await clock.advance(LEASE_MS - 1);
  expect(await begin()).toEqual({ state: 'busy' });
  await clock.advance(1);
  expect(await begin()).toMatchObject({ state: 'ours' });
});
