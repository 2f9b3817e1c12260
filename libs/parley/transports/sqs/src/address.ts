import { AwsAddress, type AwsService } from '@parley/aws';

const SQS: AwsService = {
  name: 'SQS',
  one: 'an SQS',
  scheme: 'sqs',
  holds: 'queues',
  names: { pattern: /^[\w-]*$/, takes: 'takes letters, digits, - and _' },
  options: ['lease', 'wait'],
};

/** Where an SQS is. It counts time in whole seconds. */
export class Address extends AwsAddress {
  /**
   * Seconds for which a command that was handed out stays with whom it was handed to, unless
   * renewed.
   */
  readonly lease: number;
  /** Seconds for which SQS is asked to wait for a command; a stop takes as long. */
  readonly wait: number;

  constructor(secret: string) {
    super(secret, SQS);
    this.lease = Math.ceil(this.duration('lease', '30s', '3s', '12h') / 1_000);
    this.wait = Math.ceil(this.duration('wait', '2s', '0s', '20s') / 1_000);
  }
}
