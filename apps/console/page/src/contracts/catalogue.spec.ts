import type { CatalogueEntry } from '../api/types';
import { handledBy, isUnhandled, matching, policiesOf } from './catalogue';

const entry = (name: string, more: Partial<CatalogueEntry> = {}): CatalogueEntry => ({
  ...{ name, kind: 'event', owner: name.split('.')[0]!, version: 1, senders: [], handlers: [] },
  ...more,
});

describe('the catalogue of contracts', () => {
  const all = [
    entry('orders.order-placed'),
    entry('orders.place-order', { kind: 'call' }),
    entry('inventory.reserve-stock', { kind: 'command' }),
  ];

  it('shows those that fit every filter', () => {
    const names = (filter: Parameters<typeof matching>[1]) =>
      matching(all, filter).map(({ name }) => name);
    expect(names({})).toHaveLength(3);
    expect(names({ owner: 'orders', kind: 'call' })).toEqual(['orders.place-order']);
    expect(names({ text: 'PLACE' })).toEqual(['orders.order-placed', 'orders.place-order']);
    expect(names({ kind: 'broadcast' })).toEqual([]);
  });

  it('finds fault with calls and commands that nobody handles, not with events', () => {
    expect(all.filter(isUnhandled).map(({ kind }) => kind)).toEqual(['call', 'command']);
  });

  it('names subscriptions, or who answers calls, once', () => {
    const handlers = ['placed', 'again'].map((handler) => ({
      ...{ service: 'insights', handler, subscription: 'insights.figures', version: 1 },
    }));
    const answering = { service: 'orders', handler: 'OrdersController.place', version: 1 };
    expect(handledBy(entry('a.b', { handlers: [...handlers, answering] }))).toEqual([
      'insights.figures',
      'orders',
    ]);
  });

  it('says the policies of a handler in words', () => {
    const retry = { immediate: 3, delays: [1_000, 60_000] };
    expect(policiesOf({ handler: 'C.a', concurrency: 10, timeout: 30_000, retry })).toEqual([
      '10 at a time in each instance',
      'timeout 30 s',
      '3 more tries at once, then after 1 s, 1 min, then a dead letter',
    ]);
    expect(policiesOf({ handler: 'C.a', deadline: 2_000 })).toEqual(['deadline 2 s']);
    const own = { handler: 'C.a', transaction: 'own', retry: { immediate: 0, delays: [] } };
    expect(policiesOf(own)).toEqual([
      'its own transaction',
      '0 more tries at once, then a dead letter',
    ]);
  });
});
