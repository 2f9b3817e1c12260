export { KinesisUnavailable, TopologyMismatch } from './address';
export { kinesis } from './kinesis';
export { RecordTooLarge, Refused, Unconfirmed } from './publisher';
