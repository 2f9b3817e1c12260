export { MessageTooLargeError } from './publisher';
export { AwsUnavailableError, TopologyMismatchError } from '@parley/aws';
export { sqs } from './sqs';
