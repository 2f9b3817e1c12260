export { MessageTooLargeError } from './publisher';
export { AwsUnavailable, TopologyMismatchError } from '@parley/aws';
export { sqs } from './sqs';
