export { AwsUnavailable, TopologyMismatch } from '@parley/aws';
export { kinesis } from './kinesis';
export { RecordTooLarge, Refused, Unconfirmed } from './publisher';
