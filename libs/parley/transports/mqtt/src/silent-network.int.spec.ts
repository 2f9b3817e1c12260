import { silentNetworkSuite } from '@parley/conformance';
import { mqtt } from './mqtt';

const url = process.env.MQTT_URL ?? '';

if (url)
  silentNetworkSuite({
    technology: mqtt,
    kind: 'broadcast',
    url,
    port: 1883,

    toldWithin: 20_000,
    backWithin: 15_000,
    tearDown: () => Promise.resolve(),
  });
else it.skip('mqtt: not run, for MQTT_URL is not set', () => undefined);
