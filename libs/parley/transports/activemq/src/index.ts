export { activemq } from './activemq';
export { ActiveMqUnavailableError, TopologyMismatchError } from './address';
export { NotConnectedError, RefusedError, UnconfirmedError, UnroutableError } from './sender-links';
