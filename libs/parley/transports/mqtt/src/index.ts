export { MqttUnavailable } from './address';
export { mqtt } from './mqtt';
export { NotSaid } from './publisher';
