// Requests that must be refused, and messages that cannot be read.
import { randomBytes, randomUUID } from 'node:crypto';

/** @import { Random } from './random.mjs' */

/**
 * An order as the edge takes it.
 * @typedef {object} NewOrder
 * @property {{ name: string, email: string, address: Record<string, string> }} customer
 * @property {{ sku: string, quantity: number }[]} lines
 * @property {{ token: string }} payment
 */

/** @param {number} depth */
const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** @type {Readonly<Record<string, (order: NewOrder) => string | Buffer>>} */
const SORTS = {
  'no JSON': () => '{"customer": ',
  empty: () => '',
  'half a character': () => Buffer.from([0x7b, 0x22, 0xc3, 0x22, 0x7d]),
  'too deep': () => nested(20_000),
  'too long': () => JSON.stringify({ text: 'x'.repeat(3_000_000) }),
  'polluted prototype': (order) =>
    JSON.stringify(order).replace('{', '{"__proto__":{"admin":true},'),
  'field too many': (order) => JSON.stringify({ ...order, discount: 100 }),
  'negative quantity': (order) =>
    JSON.stringify({ ...order, lines: [{ sku: order.lines[0]?.sku, quantity: -1 }] }),
  'endless quantity': (order) =>
    JSON.stringify(order).replace(/"quantity":\d+/, '"quantity":1e400'),
  'no lines': (order) => JSON.stringify({ ...order, lines: [] }),
  'NUL in a name': (order) =>
    JSON.stringify({ ...order, customer: { ...order.customer, name: 'Ada\u0000' } }),
  'unknown product': (order) =>
    JSON.stringify({ ...order, lines: [{ sku: 'TEA-9999', quantity: 1 }] }),
};

/**
 * @param {Random} random
 * @param {string} key
 * @param {NewOrder} order
 */
export function hostileRequest(random, key, order) {
  const sort = random.pick([...Object.keys(SORTS), 'no key', 'not JSON by its type']);
  const headers = {
    'content-type': sort === 'not JSON by its type' ? 'application/xml' : 'application/json',
    ...(sort !== 'no key' && { 'idempotency-key': key }),
  };
  return { sort, request: { headers, body: SORTS[sort]?.(order) ?? JSON.stringify(order) } };
}

/**
 * [headers, body] as a queue stores them.
 * @param {number} sort from 0 to 3
 * @returns {[headers: Buffer, body: Buffer]}
 */
export function rubbish(sort) {
  /** @param {string} type */
  const headers = (type) =>
    Buffer.from(
      JSON.stringify({
        id: randomUUID(),
        type,
        version: '1',
        source: '/chaos',
        time: new Date().toISOString(),
      }),
    );
  if (sort === 0) return [randomBytes(40), randomBytes(200)];
  if (sort === 1) return [headers('inventory.reserve-stock'), Buffer.from('{"orderId":')];
  if (sort === 2)
    return [headers('inventory.reserve-stock'), Buffer.from('{"orderId":"no uuid","lines":7}')];
  return [headers('nobody.knows-this'), Buffer.from('{}')];
}
