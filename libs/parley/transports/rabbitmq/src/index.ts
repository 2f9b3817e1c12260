export { NotThereError, RabbitUnavailableError, TopologyMismatchError } from './address';
export { rabbitmq } from './rabbitmq';
