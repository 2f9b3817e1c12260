import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { isUnusable, reasonOf } from '@parley/aws';
import {
  RequestBatcher,
  bugIn,
  headersOf,
  type OutgoingMessage,
  sendInOrder,
  UnpublishableError,
  PublishErrors,
} from '@parley/messaging/transport';
import { sleep } from '@parley/resilience';
import type { Address } from './address';
import { bounded, isMissing, streamName, type Streams } from './topology';
import { type KinesisRecord, MAX_RECORD_BYTES, recordOf, sizeOf } from './cloudevents';

/** Records, and bytes, of one request. */
const MOST = 500;
const MOST_BYTES = 5 * 1_048_576;
const CONFIRMED_WITHIN_MS = 10_000;
const [FIRST_WAIT, LONGEST_WAIT] = [50, 1_000];

/** Kinesis took other records of a request, but not this one, which it may take later. */
class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
}

/** Puts messages into the streams of their owners. */
export class StreamPublisher {
  /** By stream: records of about the same time go in one request. */
  private readonly batches = new Map<string, RequestBatcher<KinesisRecord>>();
  private readonly errors: PublishErrors;

  constructor(
    private readonly client: KinesisClient,
    private readonly address: Address,
    private readonly streams: Streams,
  ) {
    this.errors = new PublishErrors(`Kinesis at ${address}`);
  }

  /**
   * Of one key one is unconfirmed at a time: Kinesis may refuse some records of a request and take
   * others.
   */
  publishInOrder(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) => this.sendOne(message));
  }

  private async sendOne({ contract, envelope, body }: OutgoingMessage): Promise<void> {
    const stream = streamName(this.address, contract.owner, contract.kind);
    const record = recordOf(headersOf(envelope), body);
    if (sizeOf(record) > MAX_RECORD_BYTES)
      throw new RecordTooLargeError(contract.name, sizeOf(record));
    await this.streams.ensure(stream).catch((error: unknown) => {
      throw this.notSent(stream, error);
    });
    try {
      await this.put(stream, record);
    } catch (error) {
      if (isMissing(error)) this.streams.forget(stream);
      throw this.failure(stream, error);
    }
  }

  /** A shard that is too busy takes it a little later. */
  private async put(stream: string, record: KinesisRecord): Promise<void> {
    const until = performance.now() + CONFIRMED_WITHIN_MS;
    for (let wait = FIRST_WAIT; ; wait = Math.min(LONGEST_WAIT, wait * 2)) {
      try {
        return await this.batchesOf(stream).add(record);
      } catch (error) {
        if (!(error instanceof RecordRefusedError) || performance.now() + wait > until) throw error;
      }
      await sleep(wait);
    }
  }

  /** The stream could not be found or created: no message was handed over. */
  private notSent(stream: string, error: unknown): Error {
    if (isUnusable(error)) return error;
    return bugIn(error) ?? this.errors.notStored(stream, reasonOf(error), error);
  }

  private failure(stream: string, error: unknown): Error {
    const { $fault, name, message } = error as { $fault?: string; name: string; message: string };
    const bug = bugIn(error);
    if (bug) return bug;
    const isRefused =
      error instanceof RecordRefusedError || ($fault === 'client' && name !== 'AbortError');
    return isRefused
      ? this.errors.notStored(stream, `${name}: ${message}`)
      : this.errors.unconfirmed(stream, reasonOf(error));
  }

  private batchesOf(stream: string): RequestBatcher<KinesisRecord> {
    let batches = this.batches.get(stream);
    if (!batches)
      this.batches.set(
        stream,
        (batches = new RequestBatcher((records) => this.request(stream, records), {
          most: MOST,
          bytes: MOST_BYTES,
          sizeOf,
        })),
      );
    return batches;
  }

  private async request(
    StreamName: string,
    records: readonly KinesisRecord[],
  ): Promise<readonly (Error | undefined)[]> {
    const { Records = [] } = await this.client.send(
      new PutRecordsCommand({ StreamName, Records: [...records] }),
      bounded(CONFIRMED_WITHIN_MS),
    );
    return Records.map(({ ErrorCode, ErrorMessage }) =>
      ErrorCode === undefined
        ? undefined
        : new RecordRefusedError(`${ErrorCode}: ${ErrorMessage ?? ''}`),
    );
  }
}

/** More than Kinesis takes. Nothing was stored. */
export class RecordTooLargeError extends UnpublishableError {
  override readonly name = 'RecordTooLargeError';
  constructor(contract: string, size: number) {
    super(
      `${contract}: the message has ${size} bytes, its envelope included, and Kinesis takes ${MAX_RECORD_BYTES}; send less, or a link to it`,
    );
  }
}
