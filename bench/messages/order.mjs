// The message of the benches: an order of about 500 bytes, validated on both sides.
import { z } from 'zod';

export const Order = z.object({
  /** One measurement. */
  run: z.string(),
  n: z.int(),
  customer: z.string(),
  /** The time of sending, in milliseconds of the clock of measure/servant.mjs. */
  at: z.number(),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int(), note: z.string() })),
});
/** @typedef {z.infer<typeof Order>} Order */

export const KEYS = 100;

/**
 * @param {string} run
 * @param {number} n
 * @param {number} [at]
 * @returns {Order}
 */
export const order = (run, n, at = 0) => ({
  run,
  n,
  customer: `customer-${n % KEYS}`,
  at,
  lines: Array.from({ length: 5 }, (_, line) => ({
    sku: `P-${1000 + line}`,
    quantity: line + 1,
    note: 'as agreed on the telephone, please',
  })),
});

/**
 * The validated text of an order, as contestants by hand send it.
 * @param {Order} message
 */
export const written = (message) => JSON.stringify(Order.parse(message));

/** @param {unknown} body parsed already */
export const read = (body) => Order.parse(body);
