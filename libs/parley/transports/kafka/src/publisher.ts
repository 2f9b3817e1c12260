import {
  bugIn,
  failureOf,
  failuresTogether,
  headersOf,
  NotTriedError,
  type OutgoingMessage,
  BodyTooLargeError,
  type TransportContext,
  UnpublishedError,
  NotStoredError,
  UnroutableError,
  PublishErrors,
  settledWithin,
  untilUp,
  withTimeout,
} from '@parley/messaging/transport';
import { type Address, startFailure } from './address';
import { pack, sizeOf } from './cloudevents';
import { type KafkaClient, type Outgoing, type Producer, RejectionError } from './client';
import { notYet } from './coming-up';
import { partitionOf } from './partition';
import { type KnownTopic, largestBody, type Stored, type Topics } from './topology';

const CONFIRMED_WITHIN_MS = 10_000;
const AGAIN_AFTER_MS = 200;
/**
 * Bytes of a batch left for overhead. A request is limited to one partition's batch, because all
 * messages may go to one partition.
 */
const BATCH_HEADROOM_BYTES = 4_096;
const MOST_AT_A_TIME = 5_000;

/** Messages confirmed together. */
interface PendingSend {
  readonly messages: readonly Outgoing[];
  readonly bytes: number;
  readonly until: number;
  readonly confirm: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Publishes messages to topics: one request at a time, which takes all messages that came during
 * the last one. So messages of a key keep their order, and a failed message is not overtaken by its
 * copy.
 */
export class KafkaPublisher {
  private readonly waiting: PendingSend[] = [];
  private producer?: Promise<Producer>;
  private shipping?: Promise<void>;
  private turn = 0;
  private closed = false;
  private readonly errors: PublishErrors;

  constructor(
    private readonly client: KafkaClient,
    private readonly topics: Topics,
    private readonly address: Address,
    private readonly context: Pick<TransportContext, 'log'>,
  ) {
    this.errors = new PublishErrors(`Kafka at ${address}`);
  }

  async connect(): Promise<void> {
    try {
      await untilUp({
        broker: `Kafka at ${this.address}`,
        attempt: () => this.connected(),
        notYet,
        log: this.context.log,
        isGivenUp: () => this.closed,
      });
    } catch (error) {
      await this.close();
      throw startFailure(this.address, error);
    }
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const until = performance.now() + CONFIRMED_WITHIN_MS;
    const failures = new Map<OutgoingMessage, unknown>();
    const outgoing = await this.allOutgoing(messages, failures);
    const limit = this.topics.smallestBatch - BATCH_HEADROOM_BYTES;
    for (const part of inParts(
      [...outgoing.keys()],
      (message) => outgoing.get(message)!.bytes,
      limit,
    )) {
      const ready = part.filter((message) => !isBehind(message, failures));
      const failed = await failuresTogether(ready, (some) => {
        const shipped = this.ship(
          some.map((message) => outgoing.get(message)!),
          until,
        );
        return some.length > 1 ? shipped.catch(ofOneTopic) : shipped;
      });
      for (const message of part) if (!ready.includes(message)) failures.set(message, behind());
      for (const [message, error] of failed) failures.set(message, error);
    }
    if (failures.size > 0) throw failureOf(failures, messages);
  }

  /**
   * Prepares messages for their topics. Records messages that cannot be sent, and those behind
   * them, as failed.
   */
  private async allOutgoing(
    messages: readonly OutgoingMessage[],
    failures: Map<OutgoingMessage, unknown>,
  ): Promise<ReadonlyMap<OutgoingMessage, Sized>> {
    const asked = new Map<string, Promise<KnownTopic>>();
    for (const message of messages) {
      const { kind, owner } = message.contract;
      if (this.topics.peek(kind as Stored, owner) || asked.has(`${kind} ${owner}`)) continue;
      asked.set(`${kind} ${owner}`, this.topicOf(message));
    }
    await Promise.allSettled(asked.values());
    const outgoing = new Map<OutgoingMessage, Sized>();
    for (const message of messages) {
      const { kind, owner } = message.contract;
      try {
        if (isBehind(message, failures)) throw behind();
        outgoing.set(
          message,
          this.outgoing(
            message,
            (await asked.get(`${kind} ${owner}`)) ?? this.topics.peek(kind as Stored, owner)!,
          ),
        );
      } catch (error) {
        failures.set(message, error);
      }
    }
    return outgoing;
  }

  async close(): Promise<void> {
    this.closed = true;
    await settledWithin(CONFIRMED_WITHIN_MS, this.shipping ?? Promise.resolve());
    await this.discard();
  }

  private async connected(): Promise<void> {
    await this.topics.connect();
    await this.open();
  }

  private async topicOf({ contract: { kind, owner } }: OutgoingMessage): Promise<KnownTopic> {
    const late = () =>
      this.errors.notConnected(`no answer within ${CONFIRMED_WITHIN_MS / 1_000} s`);
    try {
      return await withTimeout(
        CONFIRMED_WITHIN_MS,
        this.topics.ensure(kind as Stored, owner),
        late,
      );
    } catch (error) {
      if (error instanceof NotStoredError || (error as Error).name === 'TopologyMismatchError')
        throw error;
      throw bugIn(error) ?? this.errors.notConnected((error as Error).message, error);
    }
  }

  private outgoing({ contract, envelope, body }: OutgoingMessage, topic: KnownTopic): Sized {
    const headers = pack(headersOf(envelope));
    const key = envelope.partitionkey === undefined ? null : Buffer.from(envelope.partitionkey);
    const bytes = sizeOf(key, body, headers);
    if (bytes > topic.limit - BATCH_HEADROOM_BYTES)
      throw new BodyTooLargeError(contract.name, body.length, largestBody(topic), 'kafka');
    const partition = key ? partitionOf(key, topic.partitions) : this.turn++ % topic.partitions;
    return { topic: topic.name, partition, key, value: body, headers, bytes };
  }

  private ship(messages: readonly Sized[], until: number): Promise<void> {
    return new Promise((confirm, reject) => {
      const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
      this.waiting.push({ messages, bytes, until, confirm, reject });
      this.shipping ??= this.shipAll();
    });
  }

  private async shipAll(): Promise<void> {
    while (this.waiting.length > 0) await this.deliver(this.next());
    // Reset in the same tick as the check, or messages that come in between would wait for ever.
    this.shipping = undefined;
  }

  /** As many as fit into one partition's batch: all of them may be for one partition. */
  private next(): readonly PendingSend[] {
    const limit = this.topics.largest;
    let [bytes, messages, count] = [0, 0, 0];
    for (const shipment of this.waiting) {
      bytes += shipment.bytes;
      messages += shipment.messages.length;
      if (count > 0 && (bytes > limit || messages > MOST_AT_A_TIME)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async deliver(batch: readonly PendingSend[]): Promise<void> {
    try {
      await this.produce(batch);
      for (const { confirm } of batch) confirm();
    } catch (thrown) {
      await this.discard();
      const bug = bugIn(thrown);
      if (bug) return batch.forEach(({ reject }) => reject(bug));
      const rejection =
        thrown instanceof RejectionError
          ? thrown
          : new RejectionError('unknown', (thrown as Error).message, { cause: thrown });
      // One message may be the cause; send each alone, so that it does not fail the others.
      if (batch.length > 1 && isFinal(rejection))
        for (const shipment of batch) await this.deliver([shipment]);
      else for (const shipment of batch) shipment.reject(this.errorOf(rejection, shipment));
    }
  }

  /**
   * Tries until the time limit of the first message. Once an attempt may have been stored, the
   * result is unknown.
   */
  private async produce(batch: readonly PendingSend[]): Promise<void> {
    const until = Math.min(...batch.map((shipment) => shipment.until));
    const messages = batch.flatMap((shipment) => shipment.messages);
    let unknown: RejectionError | undefined;
    for (;;) {
      try {
        return await withTimeout(
          Math.max(1, until - performance.now()),
          this.attempt(messages),
          () => unknown ?? new RejectionError('unknown', 'no confirm in time'),
        );
      } catch (thrown) {
        const rejection =
          thrown instanceof RejectionError
            ? thrown
            : new RejectionError('unsent', (thrown as Error).message, { cause: thrown });
        if (rejection.what === 'unknown') unknown = rejection;
        if (isFinal(rejection)) throw rejection;
        if (this.closed || performance.now() + AGAIN_AFTER_MS >= until) throw unknown ?? rejection;
        this.context.log(
          'debug',
          `Kafka at ${this.address} did not take ${messages.length} messages, trying again: ${rejection.message}`,
        );
        // After a lost connection the same producer repeats the request, so that the broker
        // recognises the copy. A producer that failed in its own code is of no use any more.
        if (isComplaint(rejection) || bugIn(rejection)) await this.discard();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
      }
    }
  }

  private async attempt(messages: readonly Outgoing[]): Promise<void> {
    const producer = await this.open();
    await producer.produce(messages);
  }

  private open(): Promise<Producer> {
    if (this.producer) return this.producer;
    const opening = this.client.producer();
    this.producer = opening;
    // Returns undefined: a handler that returned the next producer's promise would reject with it,
    // unhandled.
    opening.catch(() => {
      if (this.producer === opening) this.producer = undefined;
    });
    return opening;
  }

  /**
   * Closes the producer, without waiting unless the publisher is closed: requests in progress take
   * their time.
   */
  private async discard(): Promise<void> {
    const { producer } = this;
    this.producer = undefined;
    if (this.closed) await producer?.then((one) => one.close()).catch(() => undefined);
    else void producer?.then((one) => one.close()).catch(() => undefined);
  }

  private errorOf(rejection: RejectionError, { messages }: PendingSend): Error {
    const { topic } = messages[0]!;
    if (rejection.what === 'unsent') return this.errors.notConnected(rejection.message, rejection);
    if (rejection.what === 'unknown')
      return this.errors.unconfirmed(topic, rejection.message, rejection);
    if (rejection.what === 'refused' || rejection.what === 'too large')
      return this.errors.unacceptable(topic, rejection.message, rejection);
    if (rejection.what === 'not allowed')
      return new NotAllowedError(topic, this.address, rejection);
    this.topics.forget(topic);
    return this.errors.unroutable(
      `topic ${topic}`,
      'send it again, and it is made anew where that is allowed',
      rejection,
    );
  }
}

type Sized = Outgoing & { readonly bytes: number };

const isFinal = ({ what }: RejectionError): boolean => what !== 'unsent' && what !== 'unknown';

/** True when the broker rejected the request, in contrast to a lost connection. */
const isComplaint = ({ cause }: RejectionError): boolean =>
  (cause as { type?: unknown } | undefined)?.type !== undefined;

/** Splits messages in order into parts of at most `limit` bytes. */
function inParts<M>(
  messages: readonly M[],
  bytesOf: (message: M) => number,
  limit: number,
): readonly (readonly M[])[] {
  const parts: M[][] = [];
  let room = 0;
  for (const message of messages) {
    if (bytesOf(message) > room || parts.at(-1)!.length >= MOST_AT_A_TIME) {
      parts.push([]);
      room = limit;
    }
    parts.at(-1)!.push(message);
    room -= bytesOf(message);
  }
  return parts;
}

/** Narrows a missing topic to its own messages: those for other topics can be published. */
function ofOneTopic(error: Error): never {
  throw error instanceof UnroutableError
    ? new UnpublishedError(error.message, { cause: error })
    : error;
}

const behind = () => new NotTriedError('an earlier message of its key was not published');

/** True when an earlier message of its key, for the same owner, was not published. */
function isBehind(
  { contract: { owner }, envelope: { partitionkey } }: OutgoingMessage,
  failures: ReadonlyMap<OutgoingMessage, unknown>,
): boolean {
  if (partitionkey === undefined || failures.size === 0) return false;
  return [...failures.keys()].some(
    ({ contract, envelope }) => contract.owner === owner && envelope.partitionkey === partitionkey,
  );
}

/** This service may not write to the topic. Nothing was stored. */
class NotAllowedError extends UnpublishedError {
  override readonly name = 'NotAllowedError';
  constructor(topic: string, address: Address, cause: Error) {
    super(
      `Kafka at ${address} does not let this service write to ${topic} (${cause.message}); nothing was stored, publish it again when it may`,
      { cause },
    );
  }
}
