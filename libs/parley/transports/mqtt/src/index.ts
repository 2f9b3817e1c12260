export { MqttUnavailableError } from './address';
export { mqtt } from './mqtt';
