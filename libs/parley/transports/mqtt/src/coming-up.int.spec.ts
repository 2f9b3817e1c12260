import { type Answer, comingUpSuite } from '@parley/conformance';
import { mqtt } from './mqtt';

const url = process.env.MQTT_URL ?? '';

const connack =
  (code: number): Answer =>
  (near) =>
    near.once('data', () => near.end(Buffer.from([0x20, 3, 0, code, 0])));

if (url)
  comingUpSuite({
    technology: mqtt,
    kind: 'broadcast',
    url,
    port: 1883,
    notYet: {
      'server unavailable': { answer: connack(0x88), told: /Server unavailable \(code 136\)/ },
      'server busy': { answer: connack(0x89), told: /Server busy \(code 137\)/ },
      'server unavailable in the words of MQTT 3.1.1': {
        answer: connack(3),
        told: /Server unavailable \(code 3\)/,
      },
    },
    refusal: { answer: connack(0x86), told: /refuses the user/ },
    tearDown: () => Promise.resolve(),
  });
else it.skip('mqtt: not run, for MQTT_URL is not set', () => undefined);
