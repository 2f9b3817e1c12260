import { brokerFixture, broadcastSuite } from '@parley/conformance';
import { mqtt } from './mqtt';

const url = process.env.MQTT_URL ?? '';

const fixture = brokerFixture({
  technology: 'mqtt',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: 'the kit sets no limit, and the broker’s own is not known',
      limits: 'the kit sets none, MQTT refuses 256 MB',
    },
  },
  technologies: [mqtt],
  url: () => url,
  port: 1883,
  urls: (at) => ({ broadcasts: at }),
});

if (url) broadcastSuite(fixture);
else it.skip('MQTT: not run, for MQTT_URL is not set', () => undefined);
