import { broadcast, command, event, type Contract } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
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

  it('shows no password', () => {
    expect(transport.address).toBe('postgres://db:5432/shop');
  });
});
