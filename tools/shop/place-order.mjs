// Places orders at the edge as a careful customer would.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asCustomer } from './customer.mjs';
import { readJson } from './http-json.mjs';
import { messageOf } from '../terminal/errors.mjs';

/** @import { NewOrder } from './invented-orders.mjs' */

const TRIES = 60;
const RETRY_INTERVAL_MS = 500;

/**
 * A gateway or service that is being restarted may fail: the same key makes trying again safe.
 * @param {string | undefined} gateway
 * @param {NewOrder} order
 * @returns {Promise<string>} its id
 * @throws when the edge refuses it, or does not take it within 60 tries
 */
export async function placeOrder(gateway, order) {
  const key = randomUUID();
  for (let tries = 1; ; tries++) {
    try {
      const { orderId } = await readJson(`${gateway}/orders`, {
        method: 'POST',
        headers: { 'idempotency-key': key, ...asCustomer },
        body: order,
        expect: 202,
      });
      return orderId;
    } catch (error) {
      if (/answered 4\d\d/.test(messageOf(error)) || tries > TRIES) throw error;
      await sleep(RETRY_INTERVAL_MS);
    }
  }
}

/**
 * Calls `work` for each item, so many at a time.
 * @template T
 * @param {readonly T[]} items
 * @param {number} concurrency
 * @param {(item: T) => Promise<void>} work
 */
export async function eachOf(items, concurrency, work) {
  let next = 0;
  const worker = async () => {
    for (let item = items[next++]; item; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}
