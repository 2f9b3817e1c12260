import {
  broadcastSuite,
  brokerProcess,
  commandSuite,
  eventSuite,
  MemoryDatabases,
  FaultyLink,
  offersBroker,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';
const databases = new MemoryDatabases();
const broker = brokerProcess('kafka');
const services = new Set<string>();

const fixture: Fixture = {
  technology: 'kafka',
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
      limits: 'what is larger than max.message.bytes goes by claim check',
    },
    largest: 1_000_000,
  },
  open: async (service) => {
    services.add(service);
    const [way, database] = [await TcpProxy.to(url, 9092), new FaultyLink()];
    const own = `${way.along(url)}?forwarded=true`;
    return {
      options: {
        urls: { commands: own, broadcasts: own, events: own },
        technologies: [kafka],
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
  broker,
  tearDown: () => dropTopicsOf(url, services),
};

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
  eventSuite(fixture);
} else it.skip('Kafka: not run, for KAFKA_URL is not set', () => undefined);
