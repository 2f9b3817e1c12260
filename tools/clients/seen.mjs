// The order that every client places, and its fields that every client must see.
import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

/** Milliseconds for a program; an order is delivered after some seconds. */
const ENDED_WITHIN_MS = 90_000;

export const SKU = 'TEA-0001';

/** @param {string} sku */
export const orderOf = (sku) => ({
  customer: {
    name: 'Ada',
    email: 'ada@example.org',
    address: { line1: 'Gasse 1', city: 'Ulm', postcode: '89073', country: 'DE' },
  },
  lines: [{ sku, quantity: 2 }],
  payment: { token: 'tok_ok' },
});

/** The request of `orders.place-order`. @param {string} sku */
export const requestOf = (sku) => ({ idempotencyKey: randomUUID(), ...orderOf(sku) });

/** @typedef {{ number: number, status?: string | null }} Entry of the history of an order; not each tells the status */

/**
 * Throws unless these are all entries of an order that was delivered, each once, in order.
 * @param {Entry[]} entries
 */
export function isWholeStory(entries) {
  assert.deepEqual(
    entries.map(({ number }) => number),
    entries.map((_, n) => n + 1),
  );
  assert.equal(entries.at(-1)?.status, 'delivered');
  return `${entries.length} entries`;
}

/**
 * What a program prints; tools differ in the output on which they tell errors.
 * @param {string} program
 * @param {string[]} args
 * @param {string} [input]
 * @returns {Promise<string>}
 */
export function printed(program, args, input = '') {
  return new Promise((resolve, reject) => {
    const options = { timeout: ENDED_WITHIN_MS, maxBuffer: 1 << 26 };
    const child = execFile(program, args, options, (error, stdout, stderr) =>
      error?.killed ? reject(error) : resolve(stdout + stderr),
    );
    child.stdin?.end(input);
  });
}
