import { silentNetworkSuite } from '@parley/conformance';
import { activemq } from './activemq';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';

if (url)
  for (const kind of ['command', 'broadcast'] as const)
    silentNetworkSuite({
      technology: activemq,
      kind,
      url,
      port: 61616,

      toldWithin: 20_000,
      // The broker serves a lane's next consumer when it ends the silent one's connection by itself.
      backWithin: 60_000,
      tearDown: (service) => removeTraces(url, [service]),
    });
else it.skip('activemq: not run, for ACTIVEMQ_URL is not set', () => undefined);
