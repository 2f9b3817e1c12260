export { nats } from './nats';
