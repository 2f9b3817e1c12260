export { AwsUnavailableError, TopologyMismatchError } from '@parley/aws';
export { kinesis } from './kinesis';
export { RecordTooLargeError } from './publisher';
