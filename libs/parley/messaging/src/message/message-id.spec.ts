import type { Envelope } from './message';
import { InvalidMessageError } from './codec';
import { IdConflictError } from './failure';
import {
  assertIdempotencyKey,
  deterministicMessageId,
  fingerprintOf,
  refuseConflict,
} from './message-id';
import { keyedRequest } from '../ports/idempotency-store';

describe('the id of what is said under an idempotency key', () => {
  const id = deterministicMessageId('/orders', 'inventory.reserve-stock', 'order-1');

  it('is the same for the same service, contract and key', () => {
    expect(deterministicMessageId('/orders', 'inventory.reserve-stock', 'order-1')).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['order-1', '08096aeb-6ed0-8110-80e0-5b3f37203a40'],
    ['order-3', 'aaa1d006-fe3f-887c-addf-ce93fd58a914'],
  ])('is the same in every build: receivers remember it', (key, known) => {
    expect(deterministicMessageId('/orders', 'inventory.reserve-stock', key)).toBe(known);
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

describe('an idempotency key', () => {
  const contract = { name: 'inventory.reserve-stock' };

  it.each(['o', ' o ', 'o'.repeat(200)])('has 1 to 200 characters: %j', (key) => {
    expect(() => assertIdempotencyKey(contract, key)).not.toThrow();
  });

  it.each(['', ' \t', 'o'.repeat(201)])('is refused otherwise, by name: %j', (key) => {
    const refused = () => assertIdempotencyKey(contract, key);
    expect(refused).toThrow(InvalidMessageError);
    expect(refused).toThrow('inventory.reserve-stock: idempotencykey has 1 to 200 characters');
  });
});

describe('the print of a body', () => {
  it('is the same in every build: inboxes remember it', () => {
    for (const body of ['{}', Buffer.from('{}')])
      expect(fingerprintOf(body)).toBe('44136fa355b3678a1146ad16f7e8649e');
  });

  it('tells apart a message that is repeated and another one under its id', () => {
    const [one, another] = ['{}', '{"n":1}'].map(fingerprintOf);
    expect(() => refuseConflict('m-1', one, one)).not.toThrow();
    expect(() => refuseConflict('m-1', one, another)).toThrow(IdConflictError);
  });

  it('proves no conflict where either is unknown', () => {
    const print = fingerprintOf('{}');
    expect(() => refuseConflict('m-1', undefined, print)).not.toThrow();
    expect(() => refuseConflict('m-1', print, undefined)).not.toThrow();
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
