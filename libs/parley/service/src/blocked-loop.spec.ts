import { watchEventLoop } from './blocked-loop';

const block = (milliseconds: number) => {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
};

describe('a blocked event loop', () => {
  it('is told once each time, with how long it was', async () => {
    const warnings: string[] = [];
    let told = () => {};
    const stop = watchEventLoop((message) => (warnings.push(message), told()), 300);
    const next = () => new Promise<void>((resolve) => (told = resolve));
    for (const count of [1, 2]) {
      const warned = next();
      block(1_200);
      await warned;
      expect(warnings).toHaveLength(count);
    }
    stop();
    const [, seconds] = /for ([0-9.]+) s: longer than a lease of 0.3 s/.exec(warnings[0]!)!;
    expect(Number(seconds)).toBeGreaterThan(0.3);
  });

  it('is nothing to tell of while it is short', async () => {
    const warnings: string[] = [];
    const stop = watchEventLoop((message) => warnings.push(message), 60_000);
    block(700);
    await new Promise((resolve) => setTimeout(resolve, 600));
    stop();
    expect(warnings).toEqual([]);
  });
});
