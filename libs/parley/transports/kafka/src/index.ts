export { KafkaUnavailableError, TopologyMismatchError } from './address';
export { kafka } from './kafka';
