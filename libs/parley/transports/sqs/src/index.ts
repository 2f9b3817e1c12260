export { MessageTooLargeError, RefusedError, UnconfirmedError } from './publisher';
export { AwsUnavailable, TopologyMismatchError } from '@parley/aws';
export { sqs } from './sqs';
