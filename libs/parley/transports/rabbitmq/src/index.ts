export { NotThere, RabbitUnavailable, TopologyMismatch } from './address';
export { NotConnected, Refused, Unconfirmed, Unroutable } from './publisher';
export { rabbitmq } from './rabbitmq';
