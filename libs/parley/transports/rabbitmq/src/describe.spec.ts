import { broadcast, command } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { rabbitmq } from './rabbitmq';

const payload = z.object({ orderId: z.string() });
const Keyed = command('inventory.describe-keyed', payload, { key: 'orderId' });
const News = broadcast('catalog.describe-said', payload);
const Loose = command('inventory.describe-loose', payload);

describe('RabbitMQ, explained', () => {
  const transport = rabbitmq.open!('amqp://me:secret@broker/shop', {
    service: 'orders',
    instance: 'orders-1',
    clock: systemClock,
    log: () => undefined,
  });
  const names = (contract: typeof Keyed | typeof Loose | typeof News) =>
    transport.describe!(contract).map(({ name }) => name);

  it('names the queues that a command passes, and the exchange of a broadcast', () => {
    expect(names(Keyed)).toEqual([
      'inventory.delay.1s … 2048s',
      'inventory.lane-00 … lane-15, by orderId',
      'inventory.dead',
    ]);
    expect(names(Loose)).toEqual(['inventory.delay.1s … 2048s', 'inventory', 'inventory.dead']);
    expect(names(News)).toEqual(['parley.catalog.describe-said']);
    expect(transport.address).toBe('amqp://broker/shop');
  });

  it('lists everything that must exist', () => {
    const resources = transport.topology!([Keyed, Loose, News], []);
    expect(resources).toHaveLength(1 + 1 + 16 + 12 + 1);
    expect(resources.find(({ name }) => name === 'inventory.lane-15')).toMatchObject({
      what: 'queue',
      settings: { durable: true, 'x-queue-type': 'quorum', 'x-single-active-consumer': true },
    });
    expect(resources.at(-1)).toEqual({
      what: 'exchange',
      name: 'parley.catalog.describe-said',
      settings: { type: 'fanout', durable: true },
    });
  });
});
