// The load of the bench of calls, the same by hand and through the kit.
import { z } from 'zod';
import { takeOrders } from '../tools/calls/forked.mjs';

const Line = z.object({ sku: z.string(), quantity: z.number().int(), note: z.string() });
export const Request = z.object({ orderId: z.string(), lines: z.array(Line) });
export const Reply = z.object({ orderId: z.string(), total: z.number() });
export const DEADLINE_MS = 10_000;

/** About 500 bytes. */
export const request = {
  orderId: '0b9f1f3a-7b1e-4a35-9d9a-7a5d2f6c1b11',
  lines: Array.from({ length: 5 }, (_, n) => ({
    sku: `P-${1000 + n}`,
    quantity: n + 1,
    note: 'as agreed on the telephone, please',
  })),
};

/** @param {z.infer<typeof Request>} request */
export const answer = ({ orderId, lines }) => ({
  orderId,
  total: lines.reduce((sum, { quantity }) => sum + quantity, 0),
});

let before = process.cpuUsage();

/** Microseconds of CPU since the last look. */
function used() {
  const { user, system } = process.cpuUsage(before);
  before = process.cpuUsage();
  return user + system;
}

/**
 * Takes the orders of calls.mjs: `{ calls, concurrency }` makes so many calls, `{}` none; both tell
 * the CPU that was used.
 * @param {() => Promise<unknown>} call
 */
export const measured = (call) =>
  takeOrders(async ({ calls, concurrency }) => {
    if (!calls) return { cpu: used() };
    /** @type {number[]} */
    const took = [];
    let left = calls;
    const caller = async () => {
      while (left-- > 0) {
        const started = performance.now();
        await call();
        took.push(performance.now() - started);
      }
    };
    used();
    const started = performance.now();
    await Promise.all(Array.from({ length: concurrency }, caller));
    const seconds = (performance.now() - started) / 1000;
    const cpu = used();
    took.sort((a, b) => a - b);
    return { cpu, seconds, p50: took[took.length >> 1] };
  });
