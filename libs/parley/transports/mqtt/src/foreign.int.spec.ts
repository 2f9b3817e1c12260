import { interopSuite } from '@parley/conformance/interop';
import { mqtt } from './mqtt';
import { topicOf } from './topic';

const url = process.env.MQTT_URL ?? '';

interopSuite({
  technology: mqtt,
  url,
  kind: 'broadcast',
  program: 'mqtt.py',
  at: ({ name }) => ({ topic: topicOf(name) }),
  prefix: '',
  beside: ['content-type'],
});
