import type { Envelope } from './message';
import { deterministicMessageId, fingerprintOf } from './message-id';
import { keyedRequest } from '../ports/idempotency-store';

describe('the id of what is said under an idempotency key', () => {
  const id = deterministicMessageId('/orders', 'inventory.reserve-stock', 'order-1');

  it('is the same for the same service, contract and key', () => {
    expect(deterministicMessageId('/orders', 'inventory.reserve-stock', 'order-1')).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each<[string, string, string, string]>([
    ['service', '/payments', 'inventory.reserve-stock', 'order-1'],
    ['contract', '/orders', 'inventory.release-stock', 'order-1'],
    ['key', '/orders', 'inventory.reserve-stock', 'order-2'],
    ['place of the boundary between them', '/orders', 'inventory.reserve-stockorder-', '1'],
  ])('is another one for another %s', (_, source, contract, key) => {
    expect(deterministicMessageId(source, contract, key)).not.toBe(id);
  });
});

describe('a call under an idempotency key', () => {
  const asked = {
    source: '/orders',
    type: 'payments.charge-card',
    idempotencykey: 'order-1',
  } as Envelope;
  const scopeOf = (other: Partial<Envelope>) =>
    keyedRequest({ ...asked, ...other }, Buffer.from('{}')).scope;

  it.each<[string, Partial<Envelope>]>([
    ['service', { source: '/subscriptions' }],
    ['contract', { type: 'payments.refund-card' }],
    ['key', { idempotencykey: 'order-2' }],
  ])('has a scope of its own for each %s', (_, other) => {
    expect(scopeOf({})).toBe(scopeOf({}));
    expect(scopeOf(other)).not.toBe(scopeOf({}));
  });

  it('has a print of its body alone', () => {
    expect(keyedRequest(asked, Buffer.from('{}')).print).toBe(fingerprintOf('{}'));
    expect(keyedRequest(asked, Buffer.from('{"n":1}')).print).not.toBe(fingerprintOf('{}'));
  });
});
