import type { Instance } from '../api/types';
import { servicesOf, subscriptionsOf } from './subscriptions';

const zero = { waiting: 0, parked: 0, delayed: 0, dead: 0 };
const instance = (service: string, status: Instance['status'] = {}): Instance => ({
  ...{ service, url: `http://${service}`, state: 'ready', causes: [], status },
});

describe('the subscriptions of all services', () => {
  const instances = [
    instance('orders', { paused: [{ subscription: 'orders.saga', reason: 'away' }] }),
  ];
  const backlog = [
    {
      service: 'orders',
      items: [
        { ...zero, subscription: 'orders', waiting: 900 },
        { ...zero, subscription: 'orders.saga' },
        { ...zero, subscription: 'orders.outbox', dead: 1 },
        { ...zero, subscription: 'orders.mails', parked: 2 },
        { ...zero, subscription: 'catalog.outbox' }, // nothing: no row
      ],
    },
    { service: 'catalog', error: 'refused' },
  ];
  const run = { contract: 'a.b', id: '1', handler: 'C.b', age: 1, ended: false };
  const rows = subscriptionsOf({
    instances,
    backlog,
    overdue: [
      { service: 'orders', url: 'http://o', items: [{ ...run, subscription: 'orders' }] },
      { service: 'catalog', url: 'http://c', error: 'refused' },
    ],
    concurrency: [10, 4, 10].map((concurrency) => ({
      service: 'orders',
      url: 'http://o',
      subscriptions: [{ kind: 'command' as const, subscription: 'orders', concurrency }],
    })),
  });

  it('come with what needs a person first, whatever waits', () => {
    expect(rows.map(({ subscription }) => subscription)).toEqual([
      'orders.saga',
      'orders.outbox',
      'orders',
      'orders.mails',
    ]);
  });

  it('have the pause, the overdue handlers and the different numbers of their instances', () => {
    expect(rows[0]).toMatchObject({ paused: 'away', concurrency: [] });
    expect(rows[2]).toMatchObject({ kind: 'command', overdue: 1, concurrency: [4, 10] });
  });
});

describe('the services', () => {
  it('have their instances together, and each build once', () => {
    const rows = servicesOf([
      instance('orders', { build: 'b1' }),
      instance('catalog', { build: 'b1' }),
      instance('orders', { build: 'b2' }),
      instance('orders', { build: 'b2' }),
    ]);
    expect(
      rows.map(({ service, builds, instances }) => [service, builds, instances.length]),
    ).toEqual([
      ['orders', ['b1', 'b2'], 3],
      ['catalog', ['b1'], 1],
    ]);
  });
});
