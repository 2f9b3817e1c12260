import { silentNetworkSuite } from '@parley/conformance';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';

if (url)
  silentNetworkSuite({
    technology: redis,
    kind: 'broadcast',
    url,
    port: 6379,
    toldWithin: 20_000,
    backWithin: 15_000,
    tearDown: () => Promise.resolve(),
  });
else it.skip('redis: not run, for REDIS_URL is not set', () => undefined);
