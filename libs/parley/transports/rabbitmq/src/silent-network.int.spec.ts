import { silentNetworkSuite } from '@parley/conformance';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';

if (url)
  for (const kind of ['command', 'broadcast'] as const)
    silentNetworkSuite({
      technology: rabbitmq,
      kind,
      url,
      port: 5672,
      toldWithin: 20_000,
      // An attempt to connect that began in silence, 5 s, a pause of 1 s, the next connection, 5 s,
      // and its declarations, 10 s: each at most.
      backWithin: 21_000,
      tearDown: (service) => dropQueuesOf(url, [service]),
    });
else it.skip('rabbitmq: not run, for RABBITMQ_URL is not set', () => undefined);
