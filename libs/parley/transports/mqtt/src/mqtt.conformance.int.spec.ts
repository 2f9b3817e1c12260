import {
  broadcastSuite,
  MemoryDatabases,
  FaultyLink,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { mqtt } from './mqtt';

const url = process.env.MQTT_URL ?? '';
const databases = new MemoryDatabases();

const fixture: Fixture = {
  technology: 'mqtt',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: 'the kit sets no limit, and the broker’s own is not known',
      limits: 'the kit sets none, MQTT refuses 256 MB',
    },
  },
  open: async (service) => {
    const [way, database] = [await TcpProxy.to(url, 1_883), new FaultyLink()];
    return {
      options: {
        urls: { broadcasts: way.along(url) },
        technologies: [mqtt],
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
else it.skip('MQTT: not run, for MQTT_URL is not set', () => undefined);
