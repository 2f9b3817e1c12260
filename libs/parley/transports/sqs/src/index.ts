export { MessageTooLarge, Refused, Unconfirmed } from './publisher';
export { SqsUnavailable, TopologyMismatch } from './address';
export { sqs } from './sqs';
