import { silentNetworkSuite } from '@parley/conformance';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';

if (url)
  for (const kind of ['command', 'event', 'broadcast'] as const)
    silentNetworkSuite({
      technology: kafka,
      kind,
      url,
      port: 9092,
      options: { forwarded: 'true' },
      toldWithin: 20_000,
      backWithin: 30_000,
      tearDown: (service) => dropTopicsOf(url, [service]),
    });
else it.skip('kafka: not run, for KAFKA_URL is not set', () => undefined);
