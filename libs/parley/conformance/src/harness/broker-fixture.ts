import type { MessagingOptions } from '@parley/messaging';
import type { Fixture } from './fixture';
import { FaultyLink, MemoryDatabases } from './memory-place';
import { TcpProxy } from './tcp-proxy';

/** A broker that instances reach over the network, while their data is in memory. */
export interface BrokerOnTrial extends Pick<
  Fixture,
  'technology' | 'features' | 'setUp' | 'tearDown' | 'admit' | 'broker' | 'processes'
> {
  readonly technologies: MessagingOptions['technologies'];
  /** URL of the broker; asked after `setUp`. */
  url(): string;
  /** The broker's port where the URL names none. */
  readonly port: number;
  /** URLs of the kinds on trial. @param at the broker's URL by way of the instance's own proxy */
  urls(at: string): MessagingOptions['urls'];
}

/**
 * The fixture of a broker. Each instance has a proxy of its own between itself and the broker, and a
 * link to its service's database; both can be cut.
 */
export function brokerFixture({ technologies, url, port, urls, ...rest }: BrokerOnTrial): Fixture {
  const databases = new MemoryDatabases();
  return {
    ...rest,
    open: async (service) => {
      const [way, database] = [await TcpProxy.to(url(), port), new FaultyLink()];
      return {
        options: {
          urls: urls(way.along(url())),
          technologies,
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
  };
}
