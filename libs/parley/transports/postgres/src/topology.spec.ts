import { broadcast, command, event, type Contract } from '@parley/contract';
import { systemClock, type RegisteredSubscription } from '@parley/messaging/transport';
import { z } from 'zod';
import { postgres } from './postgres';

const payload = z.object({ orderId: z.string() });

describe('PostgreSQL, explained', () => {
  const transport = postgres.open!('postgres://me:secret@db/shop', {
    service: 'orders',
    instance: 'orders-1',
    clock: systemClock,
    log: () => undefined,
  });
  afterAll(() => transport.close());

  it.each<[Contract, string[]]>([
    [
      command('inventory.describe-command', payload, { key: 'orderId' }),
      ['queue: inventory in parley.message', 'lane: by orderId', 'channel: parley_queue_inventory'],
    ],
    [
      command('inventory.describe-loose', payload),
      ['queue: inventory in parley.message', 'lane: its own', 'channel: parley_queue_inventory'],
    ],
    [
      event('orders.order-described', payload, { key: 'orderId' }),
      ['log: parley.event', 'partition: 1 of 16, by orderId'],
    ],
    [broadcast('orders.described-live', payload), ['channel: parley_broadcast_orders']],
  ])('names what passes $name', (contract, places) => {
    expect(transport.describe!(contract).map(({ what, name }) => `${what}: ${name}`)).toEqual(
      places,
    );
  });

  const handled = (
    kind: RegisteredSubscription['kind'],
    name: string,
    contract: Contract,
    options: Partial<RegisteredSubscription> = {},
  ) =>
    ({
      kind,
      name,
      from: 'beginning',
      live: false,
      handlers: new Map([[contract.name, { contract }]]),
      ...options,
    }) as RegisteredSubscription;

  it('names each queue, subscription and channel once, and the log that events share', () => {
    const sent = [
      command('stock.list-a', payload),
      command('bills.list-b', payload),
      event('bills.listed-c', payload, { key: 'orderId' }),
      broadcast('mail.listed-d', payload),
    ];
    const from = new Date('2026-01-02T03:04:05.000Z');
    expect(
      transport.topology!(sent, [
        handled('command', 'stock', command('stock.list-e', payload)),
        handled('event', 'mail.letters', event('bills.listed-f', payload, { key: 'orderId' })),
        handled('event', 'mail.later', event('bills.listed-g', payload, { key: 'orderId' }), {
          from,
        }),
        handled('event', 'mail.now', event('bills.listed-h', payload, { key: 'orderId' }), {
          live: true,
        }),
        handled('broadcast', 'mail', broadcast('bills.listed-i', payload)),
      ]),
    ).toEqual([
      { what: 'queue', name: 'bills', settings: { table: 'parley.message' } },
      { what: 'queue', name: 'stock', settings: { table: 'parley.message' } },
      { what: 'log', name: 'parley.event', settings: { partitions: 16 } },
      { what: 'subscription', name: 'mail.letters', settings: { from: 'beginning' } },
      { what: 'subscription', name: 'mail.later', settings: { from: from.toISOString() } },
      { what: 'channel', name: 'parley_broadcast_bills', settings: {} },
      { what: 'channel', name: 'parley_broadcast_mail', settings: {} },
    ]);
  });

  it('names no log where no events are', () => {
    const owned = handled('command', 'stock', command('stock.list-j', payload));
    expect(transport.topology!([], [owned]).map(({ what }) => what)).toEqual(['queue']);
    expect(transport.topology!([], [])).toEqual([]);
  });

  it('shows no password', () => {
    expect(transport.address).toBe('postgres://db:5432/shop');
  });
});
