import { broadcast } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { redis } from './redis';

describe('Redis, explained', () => {
  it('names the channel of a broadcast', () => {
    const transport = redis.open!('redis://me:secret@cache', {
      service: 'catalog',
      instance: 'catalog-1',
      clock: systemClock,
      log: () => undefined,
    });
    const Changed = broadcast('catalog.described-changed', z.object({ sku: z.string() }));
    expect(transport.describe!(Changed)).toMatchObject([
      { what: 'channel', name: 'parley.catalog.described-changed' },
    ]);
    expect(transport.address).toBe('redis://cache');
  });
});
