export { KafkaUnavailableError, TopologyMismatchError } from './address';
export { kafka } from './kafka';
export { NotConnectedError, RefusedError, UnconfirmedError, UnroutableError } from './publisher';
