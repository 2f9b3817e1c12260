import { AwsAddress, type AwsService } from '@parley/aws';

const HOUR_MS = 3_600_000;

const KINESIS: AwsService = {
  name: 'Kinesis',
  one: 'a Kinesis',
  scheme: 'kinesis',
  holds: 'streams',
  names: { pattern: /^[\w.-]*$/, takes: 'takes letters, digits, ".", "-" and "_"' },
  options: ['shards', 'retention', 'lease', 'poll'],
};

/** Where a Kinesis is. */
export class Address extends AwsAddress {
  /** Of a stream that is made here. */
  readonly shards: number;
  /** Hours for which a stream keeps its records. */
  readonly retention: number;
  /** Milliseconds for which a silent instance keeps its shards. */
  readonly lease: number;
  /** Milliseconds between two looks into a shard that had nothing new. */
  readonly poll: number;

  constructor(secret: string) {
    super(secret, KINESIS);
    this.shards = Number(this.option('shards') ?? 2);
    if (!Number.isInteger(this.shards) || this.shards < 1 || this.shards > 500)
      throw this.unfit('shards', 'is a whole number from 1 to 500');
    this.retention = Math.ceil(this.duration('retention', '7d', '24h', '365d') / HOUR_MS);
    this.lease = this.duration('lease', '10s', '1s', '1h');
    this.poll = this.duration('poll', '1s', '10ms', '60s');
  }
}
