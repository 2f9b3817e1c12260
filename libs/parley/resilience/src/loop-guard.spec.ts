import { LoopGuard } from './loop-guard';
import { MovedClock } from './moved-clock.fixture';

it('requests that come late in a turn of the event loop are late, those of the next turn are not', () => {
  const clock = new MovedClock();
  const turns: (() => void)[] = [];
  const guard = new LoopGuard(clock, (ended) => turns.push(ended));
  const late: boolean[] = [];
  for (let request = 0; request < 5; request++) {
    late.push(guard.isLate(200));
    clock.forward(90);
  }
  expect([late, turns.length]).toEqual([[false, false, false, true, true], 1]);
  turns[0]!();
  expect([guard.isLate(200), turns.length]).toEqual([false, 2]);
});

it('a turn of the real event loop ends', async () => {
  const guard = new LoopGuard({ elapsed: () => performance.now() });
  expect(guard.isLate(5)).toBe(false);
  const end = performance.now() + 10;
  while (performance.now() < end);
  expect(guard.isLate(5)).toBe(true);
  await new Promise(setImmediate);
  expect(guard.isLate(5)).toBe(false);
});
