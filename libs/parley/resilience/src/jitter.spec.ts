import { jittered } from './jitter';

it('a jittered pause is between half of it and all of it', () => {
  expect([0, 0.5, 1].map((random) => jittered(200, () => random))).toEqual([100, 150, 200]);
  const pauses = new Set(Array.from({ length: 10 }, () => jittered(200)));
  expect(pauses.size).toBeGreaterThan(1);
});
