import {
  broadcastSuite,
  callSuite,
  commandSuite,
  eventSuite,
  linkedTechnology,
  MemoryDatabases,
  FaultyLink,
  type Fixture,
} from '@parley/conformance';
import { memory } from './memory';

const url = 'memory://conformance?largest=2000000';
const databases = new MemoryDatabases();

const fixture: Fixture = {
  technology: 'memory',
  features: {
    offers: {
      death: true,
      outbox: true,
      cuts: 'it has no connections',
      confirms: 'publishing and its confirm are one step',
      persistent: true,
      orphans: 'its messages are in the process: what ends the process ends them, too',
      forgets: true,
      refuses: true,
      broker: 'it is a part of this process',
      limits: 'memory sets no limit',
      streams: true,
    },
    lateness: 500,
  },
  open: async (service) => {
    const [broker, database] = [new FaultyLink(), new FaultyLink()];
    return {
      options: {
        urls: { commands: url, broadcasts: url, events: url, calls: () => url },
        listen: { host: 'memory', port: 0 },
        technologies: [linkedTechnology(memory, broker)],
        store: databases.linked(service, database),
      },
      way: { down: () => broker.set(false), up: () => void broker.set(true) },
      kill: () => broker.set(false) + database.set(false),
      alive: () => broker.isUp() || database.isUp(),
      close: async () => undefined,
    };
  },
  forget: async (service, olderThan) => databases.forget(service, olderThan),
  record: async (service, tx, effect) => databases.record(service, tx, effect),
  effects: async (service) => databases.effects(service),
};

callSuite(fixture);
commandSuite(fixture);
broadcastSuite(fixture);
eventSuite(fixture);
