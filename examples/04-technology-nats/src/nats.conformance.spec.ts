import { randomBytes } from 'node:crypto';
import {
  commandSuite,
  eventSuite,
  FaultyLink,
  type Fixture,
  MemoryDatabases,
  TcpProxy,
} from '@parley/conformance';
import { NatsServer } from '../test/nats-server';
import { nats } from './nats';

const given = process.env.NATS_URL;
const server = new NatsServer();
const databases = new MemoryDatabases();
const prefix = `t${randomBytes(4).toString('hex')}-`;

const fixture: Fixture = {
  technology: 'nats',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      cuts: true,
      confirms: true,
      persistent: true,
      orphans: true,
      forgets: true,
      broker: given ? 'a server that others started is not killed' : true,
      limits: 'larger bodies go by claim check',
    },
    largest: 900_000,
  },
  setUp: async () => {
    if (!given) await server.start();
  },
  tearDown: () => server.kill(),
  open: async (service) => {
    const [way, database] = [await TcpProxy.to(given ?? server.url, 4222), new FaultyLink()];
    const url = new URL(way.along(given ?? server.url));
    url.searchParams.set('prefix', prefix);
    url.searchParams.set('lease', '3s');
    return {
      options: {
        urls: { commands: url.href, events: url.href },
        technologies: [nats],
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
  forget: async (service, olderThan) => databases.forget(service, olderThan),
  broker: given ? undefined : { kill: () => server.kill(), start: () => server.start() },
};

if (given || NatsServer.isBuilt) {
  commandSuite(fixture);
  eventSuite(fixture);
  afterAll(() => server.remove());
} else
  it.skip('NATS: not run, for there is neither NATS_URL nor Go to build a server', () => undefined);
