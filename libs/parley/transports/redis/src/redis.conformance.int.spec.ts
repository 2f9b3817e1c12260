import { brokerFixture, broadcastSuite } from '@parley/conformance';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';

const fixture = brokerFixture({
  technology: 'redis',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      limits: 'what is larger goes by claim check',
    },
  },
  technologies: [redis],
  url: () => url,
  port: 6379,
  urls: (at) => ({ broadcasts: at }),
});

if (url) broadcastSuite(fixture);
else it.skip('Redis: not run, for REDIS_URL is not set', () => undefined);
