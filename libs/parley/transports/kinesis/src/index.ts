export { AwsUnavailable, TopologyMismatchError } from '@parley/aws';
export { kinesis } from './kinesis';
export { RecordTooLargeError } from './publisher';
