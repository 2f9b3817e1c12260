import {
  callSuite,
  freePort,
  MemoryDatabases,
  FaultyLink,
  TcpProxy,
  type Fixture,
} from '@parley/conformance';
import { tcp } from './tcp';

const databases = new MemoryDatabases();
/** Callers know two instances of every owner from the start, each behind a road of its own. */
const owners = new Map<
  string,
  { readonly doors: readonly { readonly port: number; readonly road: TcpProxy }[]; opened: number }
>();

const fixture: Fixture = {
  technology: 'tcp',
  features: { offers: { death: true, limits: true }, largest: 3_000_000 },
  admit: async (service) => {
    if (!owners.has(service))
      owners.set(service, { doors: [await door(), await door()], opened: 0 });
  },
  open: async (service) => {
    const owner = owners.get(service)!;
    const { port, road } = owner.doors[owner.opened++]!;
    const database = new FaultyLink();
    return {
      options: {
        urls: { calls: urlOf },
        listen: { host: '127.0.0.1', port },
        technologies: [tcp],
        store: databases.linked(service, database),
      },
      kill: () => road.down() + database.set(false),
      alive: () => road.connections > 0 || database.isUp(),
      close: async () => road.close(),
    };
  },
  record: async (service, tx, effect) => databases.record(service, tx, effect),
  effects: async (service) => databases.effects(service),
  tearDown: async () => {
    for (const { road } of [...owners.values()].flatMap(({ doors }) => doors)) await road.close();
  },
};

function urlOf(owner: string): string {
  const doors = owners.get(owner)?.doors ?? [];
  return `tcp://${doors.length > 0 ? doors.map(({ road }) => `127.0.0.1:${road.port}`).join(',') : '127.0.0.1:1'}`;
}

async function door() {
  const port = await freePort();
  return { port, road: await TcpProxy.to(`tcp://127.0.0.1:${port}`, port) };
}

callSuite(fixture);
