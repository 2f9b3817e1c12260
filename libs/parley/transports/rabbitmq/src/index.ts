export { NotThereError, RabbitUnavailableError, TopologyMismatchError } from './address';
export { NotConnectedError, RefusedError, UnconfirmedError, UnroutableError } from './publisher';
export { rabbitmq } from './rabbitmq';
