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
import { activemq } from './activemq';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';
const broker = brokerProcess('activemq');
const databases = new MemoryDatabases();
const services = new Set<string>();

const fixture: Fixture = {
  technology: 'activemq',
  features: {
    offers: {
      ...{
        death: true,
        outbox: true,
        cuts: true,
        confirms: true,
        persistent: true,
        orphans: true,
        forgets: true,
      },
      refuses: 'ActiveMQ takes bodies of any size',
      broker: offersBroker(broker),
      limits: 'the kit sets none, ActiveMQ keeps large bodies on its disk',
    },
  },
  open: async (service) => {
    services.add(service);
    const [way, database] = [await TcpProxy.to(url, 61_616), new FaultyLink()];
    const here = way.along(url);
    return {
      options: {
        urls: { commands: here, broadcasts: here },
        technologies: [activemq],
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
  tearDown: () => removeTraces(url, [...services]),
};

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
} else it.skip('ActiveMQ: not run, for ACTIVEMQ_URL is not set', () => undefined);
