export { activemq } from './activemq';
export { ActiveMqUnavailableError, TopologyMismatchError } from './address';
