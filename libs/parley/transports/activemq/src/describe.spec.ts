import { broadcast, command } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { activemq } from './activemq';
import { laneOf, laneQueues } from './topology';

const payload = z.object({ orderId: z.string() });
const Keyed = command('inventory.describe-keyed', payload, { key: 'orderId' });
const Loose = command('inventory.describe-loose', payload);
const News = broadcast('catalog.described-changed', payload);

describe('ActiveMQ, explained', () => {
  const transport = activemq.open!('activemq://me:secret@broker', {
    service: 'orders',
    instance: 'orders-1',
    clock: systemClock,
    log: () => undefined,
  });
  const names = (contract: Parameters<NonNullable<typeof transport.describe>>[0]) =>
    transport.describe!(contract).map(({ name }) => name);

  it('names the queues that a command passes, and the address of a broadcast', () => {
    expect(names(Keyed)).toEqual(['inventory.lane-00 … lane-15, by orderId', 'inventory.dead']);
    expect(names(Loose)).toEqual(['inventory', 'inventory.dead']);
    expect(names(News)).toEqual(['parley.catalog.described-changed']);
    expect(transport.address).toBe('activemq://broker');
  });

  it('lists everything that must exist', () => {
    const resources = transport.topology!([Keyed, Loose, News], []);
    expect(resources).toContainEqual({
      what: 'queue',
      name: 'inventory.lane-15',
      settings: { routing: 'anycast', durable: true, exclusive: true },
    });
    expect(resources).toContainEqual({
      what: 'address',
      name: 'parley.catalog.described-changed',
      settings: { routing: 'multicast' },
    });
    expect(resources.filter(({ what }) => what === 'queue')).toHaveLength(18);
    expect(
      resources.filter(({ what }) => what === 'address-settings').map(({ name }) => name),
    ).toEqual(['inventory.#', 'inventory.dead']);
  });
});

describe('the lane of a key', () => {
  it('is found as any CRC-32 finds it', () => {
    // CRC-32 of "123456789" is the checksum's own test value, cbf43926.
    expect(laneOf('inventory', '123456789')).toBe(`inventory.lane-0${0xcbf43926 % 16}`);
    expect(laneQueues('inventory')).toContain(laneOf('inventory', 'ключ 🐟'));
  });
});
