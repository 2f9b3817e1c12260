import type { Technology } from '@parley/messaging';
import type { Fixture } from './fixture';
import { freePort } from './free-port';
import { FaultyLink, MemoryDatabases } from './memory-place';
import { TcpProxy } from './tcp-proxy';

/** The address of an instance, before and after it runs: nobody listens there then. */
interface Door {
  readonly port: number;
  road?: TcpProxy;
}

/**
 * A fixture for a technology of calls. Callers know two instances of every owner from the start,
 * each behind a road of its own that is there while the instance runs.
 * @param largest bytes of text that a request carries; twice as many it does not
 * @param streams true, or why it carries none
 */
export function callFixture(
  technology: Technology,
  largest: number,
  streams: true | string = true,
): Fixture {
  const [scheme] = technology.schemes;
  const databases = new MemoryDatabases();
  const owners = new Map<string, { readonly doors: readonly Door[]; opened: number }>();

  const door = async (): Promise<Door> => ({ port: await freePort() });
  const urlOf = (owner: string): string => {
    const doors = owners.get(owner)?.doors ?? [];
    return `${scheme}://${doors.length > 0 ? doors.map(({ port }) => `127.0.0.1:${port}`).join(',') : '127.0.0.1:1'}`;
  };
  return {
    technology: technology.name,
    features: { offers: { death: true, limits: true, streams }, largest },
    admit: async (service) => {
      if (!owners.has(service))
        owners.set(service, { doors: [await door(), await door()], opened: 0 });
    },
    open: async (service) => {
      const owner = owners.get(service)!;
      const door = owner.doors[owner.opened++]!;
      const port = await freePort();
      const road = await TcpProxy.to(`${scheme}://127.0.0.1:${port}`, port, door.port);
      door.road = road;
      const database = new FaultyLink();
      return {
        options: {
          urls: { calls: urlOf },
          listen: { host: '127.0.0.1', port },
          technologies: [technology],
          store: databases.linked(service, database),
        },
        kill: () => {
          const ties = road.connections + database.set(false);
          void road.close();
          return ties;
        },
        alive: () => road.connections > 0 || database.isUp(),
        // As the kernel does: replies that a stopped instance has sent still arrive.
        close: () => road.drain(),
      };
    },
    record: async (service, tx, effect) => databases.record(service, tx, effect),
    effects: async (service) => databases.effects(service),
    tearDown: async () => {
      for (const { road } of [...owners.values()].flatMap(({ doors }) => doors))
        await road?.close();
    },
  };
}
