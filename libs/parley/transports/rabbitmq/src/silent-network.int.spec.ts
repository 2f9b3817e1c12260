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
      backWithin: 15_000,
      tearDown: (service) => dropQueuesOf(url, [service]),
    });
else it.skip('rabbitmq: not run, for RABBITMQ_URL is not set', () => undefined);
