export { activemq } from './activemq';
export { ActiveMqUnavailable, TopologyMismatch } from './address';
export { NotConnected, Refused, Unconfirmed, Unroutable } from './sender-links';
