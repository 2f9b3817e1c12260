export { MqttUnavailableError } from './address';
export { mqtt } from './mqtt';
export { NotPublishedError } from './publisher';
