export { KafkaUnavailable, TopologyMismatch } from './address';
export { kafka } from './kafka';
export { NotConnected, Refused, Unconfirmed, Unroutable } from './publisher';
