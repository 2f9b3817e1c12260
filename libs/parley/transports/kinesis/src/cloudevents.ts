import { fromStructured, type Headers, toStructured } from '@parley/messaging/transport';
import { createHash } from 'node:crypto';

/*
 * A message is a CloudEvent in structured JSON mode, the data of a Kinesis record: CloudEvents has
 * no binding for Kinesis, and a record has no headers.
 */

/** Bytes of a record's data and its key. */
export const MAX_RECORD_BYTES = 1_048_576;
/** Bytes of the largest body: the rest is for the envelope. */
export const LARGEST_BODY = MAX_RECORD_BYTES - 32_768;

export interface KinesisRecord {
  readonly Data: Buffer;
  readonly PartitionKey: string;
}

export const recordOf = (headers: Headers, body: Buffer): KinesisRecord => ({
  Data: Buffer.from(toStructured(headers, body)),
  PartitionKey: partitionKeyOf(headers.partitionkey ?? headers.id ?? ''),
});

export const contentOf = (
  data: Uint8Array | undefined,
): { readonly headers: Headers; readonly body: Buffer } => fromStructured(Buffer.from(data ?? []));

export const sizeOf = ({ Data, PartitionKey }: KinesisRecord): number =>
  Data.length + Buffer.byteLength(PartitionKey);

/**
 * Kinesis takes 256 characters, and at least one; other keys go by their hash. It decides which
 * shard, nothing else.
 */
const partitionKeyOf = (key: string): string =>
  /^\P{Surrogate}{1,256}$/su.test(key) ? key : createHash('sha256').update(key).digest('hex');
