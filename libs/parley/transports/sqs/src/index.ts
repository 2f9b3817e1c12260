export { MessageTooLarge, Refused, Unconfirmed } from './publisher';
export { AwsUnavailable, TopologyMismatch } from '@parley/aws';
export { sqs } from './sqs';
