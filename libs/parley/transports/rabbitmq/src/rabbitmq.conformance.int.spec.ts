import {
  broadcastSuite,
  brokerProcess,
  commandSuite,
  MemoryDatabases,
  FaultyLink,
  offersBroker,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const databases = new MemoryDatabases();
const broker = brokerProcess('rabbitmq');
const services = new Set<string>();

const fixture: Fixture = {
  technology: 'rabbitmq',
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
      broker: offersBroker(broker),
      limits: 'what is larger goes by claim check',
    },
    // A delay waits in a queue of its rung: up to twice as long, at least 2 s.
    lateness: 2_500,
  },
  admit: async (service) => void services.add(service),
  tearDown: async () => expect(await dropQueuesOf(url, services)).toEqual([]),
  open: async (service) => {
    const [way, database] = [await TcpProxy.to(url, 5672), new FaultyLink()];
    return {
      options: {
        urls: { commands: way.along(url), broadcasts: way.along(url) },
        technologies: [rabbitmq],
        store: databases.linked(service, database),
      },
      way,
      cut: () => way.cut(),
      kill: () => way.down() + database.set(false),
      alive: () => way.connections > 0 || database.isUp(),
      close: () => way.close(),
    };
  },
  forget: async (service, olderThan) => databases.forget(service, olderThan),
  record: async (service, tx, effect) => databases.record(service, tx, effect),
  effects: async (service) => databases.effects(service),
  broker,
};

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
} else it.skip('RabbitMQ: not run, for RABBITMQ_URL is not set', () => undefined);
