export { KafkaUnavailableError, TopologyMismatchError } from './address';
export { kafka } from './kafka';
export { RefusedError } from './publisher';
