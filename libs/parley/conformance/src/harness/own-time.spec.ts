import { setTimeout as sleep } from 'node:timers/promises';
import { ownTime } from './own-time';

const LONG_MS = 500;
const [TURNS, TURN_MS] = [20, 10];

describe('the own time of a process', () => {
  it('counts what it waits for in its event loop', async () => {
    const began = performance.now();
    const [milliseconds, result] = await ownTime(async () => {
      for (let turn = 0; turn < TURNS; turn++) await sleep(TURN_MS);
      return 'slept';
    });
    expect(result).toBe('slept');
    expect(milliseconds).toBeGreaterThan((TURNS * TURN_MS) / 2);
    expect(milliseconds).toBeLessThanOrEqual(performance.now() - began);
  });

  it('counts what it computes', async () => {
    const [milliseconds] = await ownTime(async () => {
      const began = process.cpuUsage();
      while (process.cpuUsage(began).user < LONG_MS * 1_000);
    });
    expect(milliseconds).toBeGreaterThan(LONG_MS - 1);
  });

  it('does not count what it is kept from running for', async () => {
    const [milliseconds] = await ownTime(async () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LONG_MS);
    });
    expect(milliseconds).toBeLessThan(LONG_MS / 2);
  });
});
