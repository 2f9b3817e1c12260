import { silentNetworkSuite } from '@parley/conformance';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';

if (url)
  silentNetworkSuite({
    technology: kafka,
    kind: 'event',
    url,
    port: 9092,
    options: { forwarded: 'true' },
    toldWithin: 20_000,
    backWithin: 30_000,
    tearDown: (service) => dropTopicsOf(url, [service]),
  });
else it.skip('kafka: not run, for KAFKA_URL is not set', () => undefined);
