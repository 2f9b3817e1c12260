import { foreignSuite } from '@parley/conformance/interop';
import { mqtt } from './mqtt';
import { topicOf } from './topic';

const url = process.env.MQTT_URL ?? '';

foreignSuite({
  technology: mqtt,
  url,
  kind: 'broadcast',
  program: 'mqtt.py',
  at: ({ name }) => ({ topic: topicOf(name) }),
  prefix: '',
  beside: ['content-type'],
});
