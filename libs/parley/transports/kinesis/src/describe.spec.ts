import { command, event } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { kinesis } from './kinesis';

const payload = z.object({ orderId: z.string() });
const Placed = event('orders.describe-placed', payload, { key: 'orderId' });
const Ship = command('shipping.describe-ship', payload);

describe('Kinesis, explained', () => {
  const transport = kinesis.open!('kinesis://me:secret@eu-west-1?prefix=shop-', {
    service: 'orders',
    instance: 'orders-1',
    clock: systemClock,
    log: () => undefined,
  });

  it('names the stream that a message passes, and where its readers are', () => {
    expect(transport.describe!(Placed).map(({ name }) => name)).toEqual([
      'shop-orders.events',
      'of each subscription in shop-orders.events',
    ]);
    expect(transport.describe!(Ship).map(({ name }) => name)).toEqual([
      'shop-shipping.commands',
      'of shipping in shop-shipping.commands',
    ]);
    expect(transport.address).toBe('kinesis://eu-west-1');
  });

  it('lists what must exist, each once', () => {
    const settings = { ShardCount: 2, RetentionPeriodHours: 168 };
    expect(transport.topology!([Placed, Ship, Placed], [])).toEqual([
      { what: 'stream', name: 'shop-orders.events', settings },
      { what: 'stream', name: 'shop-shipping.commands', settings },
    ]);
  });
});
