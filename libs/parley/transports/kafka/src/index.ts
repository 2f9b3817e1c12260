export { KafkaUnavailable, TopologyMismatch } from './address';
export { kafka } from './kafka';
export { NotConnected, Refused, TooLarge, Unconfirmed, Unroutable } from './publisher';
