import {
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { isUnusable, reasonOf } from '@parley/aws';
import {
  type RequestBatcher,
  bugIn,
  headersOf,
  type OutgoingMessage,
  queueOf,
  sendInOrder,
  UnpublishableError,
  PublishErrors,
} from '@parley/messaging/transport';
import { createHash } from 'node:crypto';
import type { Address } from './address';
import { batchesOf, EntryRefusedError } from './batches';
import { bounded, groupOf, isMissing, type QueueUrls, type Topology } from './topology';
import { MAX_MESSAGE_BYTES, sqsMessageOf, type SqsMessage, sizeOf } from './cloudevents';

/** Seconds: the longest delay of SQS; the rest of a longer delay waits in further rounds. */
const LONGEST_WAIT_SECONDS = 900;

type Ready = Omit<SendMessageBatchRequestEntry, 'Id'> & SqsMessage;

/** Puts commands into the queues of their owners. */
export class CommandPublisher {
  /** By queue URL: messages of about the same time go in one request. */
  private readonly batches = new Map<string, RequestBatcher<Ready>>();
  private readonly errors: PublishErrors;

  constructor(
    private readonly client: SQSClient,
    address: Address,
    private readonly topology: Topology,
  ) {
    this.errors = new PublishErrors(`SQS at ${address}`);
  }

  /**
   * In order per key: one unconfirmed at a time. Different keys, and messages without one, side by
   * side.
   */
  publishInOrder(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) => this.sendOne(message));
  }

  /**
   * Resolves when SQS has it. Of several copies that are said within 5 minutes SQS keeps one; the
   * same id with another body is no copy.
   */
  putInLane(owner: string, key: string, parcel: SqsMessage): Promise<void> {
    return this.put(owner, 'lanes', {
      ...parcel,
      MessageGroupId: groupOf(key),
      MessageDeduplicationId: printOf(parcel),
    });
  }

  /**
   * Resolves when SQS has stored it. SQS delivers it after `milliseconds`, or it is delayed again
   * by the remaining ones.
   */
  putLater(
    owner: string,
    milliseconds: number,
    parcel: (remaining: number) => SqsMessage,
  ): Promise<void> {
    const wait = Math.min(Math.ceil(milliseconds / 1_000), LONGEST_WAIT_SECONDS);
    const remaining = Math.max(0, Math.ceil(milliseconds) - wait * 1_000);
    return this.put(owner, 'commands', {
      ...parcel(remaining),
      ...(wait > 0 && { DelaySeconds: wait }),
    });
  }

  private sendOne({ contract, envelope, body, delay = 0 }: OutgoingMessage): Promise<void> {
    const [owner, headers, key] = [queueOf(contract), headersOf(envelope), envelope.partitionkey];
    // A FIFO queue holds no single message back: it waits in the other one, and its owner moves it
    // on.
    if (delay > 0 || key === undefined)
      return this.putLater(owner, delay, (remaining) => sqsMessageOf(headers, body, { remaining }));
    return this.putInLane(owner, key, sqsMessageOf(headers, body));
  }

  private async put(owner: string, role: keyof QueueUrls, entry: Ready): Promise<void> {
    const size = sizeOf(entry);
    if (size > MAX_MESSAGE_BYTES) throw new MessageTooLargeError(owner, size);
    const urls = await this.topology.of(owner).catch((error: unknown) => {
      throw this.notSent(owner, error);
    });
    try {
      await this.batchesOf(urls[role]).add(entry);
    } catch (error) {
      if (isMissing(error)) this.topology.forget(owner);
      throw this.failure(owner, error);
    }
  }

  /** The queue could not be found or declared: no message was handed over. */
  private notSent(owner: string, error: unknown): Error {
    if (isUnusable(error)) return error;
    return bugIn(error) ?? this.errors.notStored(owner, reasonOf(error), error);
  }

  private failure(owner: string, error: unknown): Error {
    if (error instanceof EntryRefusedError && error.isForGood)
      return this.errors.unacceptable(owner, error.message);
    if (error instanceof EntryRefusedError && error.isOurFault)
      return this.errors.notStored(owner, error.message);
    const { $fault, name, message } = error as { $fault?: string; name: string; message: string };
    const bug = bugIn(error);
    if (bug) return bug;
    return $fault === 'client'
      ? this.errors.notStored(owner, `${name}: ${message}`)
      : this.errors.unconfirmed(owner, reasonOf(error));
  }

  private batchesOf(url: string): RequestBatcher<Ready> {
    let batches = this.batches.get(url);
    if (!batches) {
      const request = (Entries: SendMessageBatchRequestEntry[]) =>
        this.client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }), bounded());
      this.batches.set(
        url,
        (batches = batchesOf<Ready>(request, { bytes: MAX_MESSAGE_BYTES, sizeOf })),
      );
    }
    return batches;
  }
}

/** The envelope is part of the body, and so is the id. */
const printOf = ({ MessageBody }: SqsMessage): string =>
  createHash('sha256').update(MessageBody).digest('hex');

/** More than SQS takes. Nothing was stored. */
export class MessageTooLargeError extends UnpublishableError {
  override readonly name = 'MessageTooLargeError';
  constructor(owner: string, size: number) {
    super(
      `a command for ${owner} has ${size} bytes, its envelope included, and SQS takes ${MAX_MESSAGE_BYTES}; send less, or a link to it`,
    );
  }
}
