import {
  broadcastSuite,
  MemoryDatabases,
  FaultyLink,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';
const databases = new MemoryDatabases();

const fixture: Fixture = {
  technology: 'redis',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      limits: 'what is larger goes by claim check',
    },
  },
  open: async (service) => {
    const [way, database] = [await TcpProxy.to(url, 6379), new FaultyLink()];
    return {
      options: {
        urls: { broadcasts: way.along(url) },
        technologies: [redis],
        store: databases.linked(service, database),
      },
      way,
      cut: () => way.cut(),
      kill: () => way.down() + database.set(false),
      alive: () => way.connections > 0 || database.isUp(),
      close: () => way.close(),
    };
  },
  record: async (service, tx, effect) => databases.record(service, tx, effect),
  effects: async (service) => databases.effects(service),
};

if (url) broadcastSuite(fixture);
else it.skip('Redis: not run, for REDIS_URL is not set', () => undefined);
