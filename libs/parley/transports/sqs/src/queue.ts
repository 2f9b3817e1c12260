import { type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { reasonOf } from '@parley/aws';
import {
  type Deliver,
  deliverUntilSettled,
  type Delivery,
  IN_PLACE,
  type KeyedExecutor,
  type Outcome,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import { randomUUID } from 'node:crypto';
import type { Address } from './address';
import { LeasedMessage } from './leased-message';
import { Leases } from './leases';
import type { CommandPublisher } from './publisher';
import { bounded, isMissing } from './topology';
import { attemptOf, contentOf, copyOf, failureOf, isSuspect, remainingOf } from './cloudevents';

/** SQS hands out no more at once. */
const MOST_AT_ONCE = 10;
/** Commands of busy keys that wait here for their turn: others may be found behind them. */
const WAITING_AT_MOST = 100;
const AGAIN_AFTER_MS = 1_000;
/** On top of the wait that SQS was asked for. */
const ANSWERED_WITHIN_MS = 5_000;

/** Shared by both consumers of an owner. */
export interface Place {
  readonly client: SQSClient;
  readonly address: Address;
  readonly subscription: RegisteredSubscription;
  readonly deliver: Deliver;
  readonly publisher: CommandPublisher;
  readonly context: TransportContext;
  /** All commands of the subscription run in these, whichever queue they came from. */
  readonly lanes: KeyedExecutor;
  /** Called when the queue is not there any more: resolves when it has been declared anew. */
  readonly declareAnew: () => Promise<void>;
}

/**
 * Consumes one queue: as many at a time as there is room for, each acknowledged after its outcome.
 */
export abstract class QueueConsumer {
  protected readonly leases: Leases;
  protected stopped = false;
  private polling?: Promise<void>;
  private wake = () => {};
  private readonly running = new Set<Promise<void>>();
  /**
   * Of a FIFO queue: asked again under the same one, SQS gives the same answer when the first got
   * lost.
   */
  private attempt: string | undefined;
  /** Why nothing comes now. */
  problem?: string;

  constructor(
    protected readonly url: string,
    protected readonly place: Place,
    private readonly isFifo: boolean,
  ) {
    this.leases = new Leases(place.client, url, place.address.lease, place.context);
  }

  start(): void {
    this.polling = this.poll();
  }

  /** A handling has ended: there may be room. */
  roomMade(): void {
    this.wake();
  }

  /**
   * Resolves when SQS delivers nothing more to us. Handlings under way continue; messages that were
   * not begun go back.
   */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.polling;
  }

  /** Resolves when nothing is held any more. */
  async ended(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  /** Aborts the handlings that still run. */
  abandon(why: string): void {
    for (const held of this.leases.all()) held.lose(why);
  }

  /** Which of them run one after the other. */
  protected abstract laneOf(held: LeasedMessage, id: string): string;
  protected abstract readonly supports: Delivery['supports'];
  /** Moves a message that belongs to another queue. */
  protected abstract movedOn(held: LeasedMessage): Promise<boolean>;
  protected abstract settle(outcome: Outcome, held: LeasedMessage): Promise<void>;
  /** It has not been handled, or not to an end. */
  protected abstract giveBack(held: LeasedMessage): Promise<void>;

  private async poll(): Promise<void> {
    while (!this.stopped) {
      const room = this.room();
      if (room === 0) await new Promise<void>((resolve) => (this.wake = resolve));
      else await this.receive(room);
    }
  }

  private room(): number {
    const { lanes } = this.place;
    return this.leases.size >= WAITING_AT_MOST + MOST_AT_ONCE
      ? 0
      : Math.min(MOST_AT_ONCE, lanes.room);
  }

  private async receive(room: number): Promise<void> {
    const asked = this.place.context.clock.elapsed();
    try {
      for (const message of await this.ask(room)) this.take(message, asked);
      this.problem = undefined;
      this.attempt = undefined;
    } catch (error) {
      await this.failed(error);
    }
  }

  private async ask(room: number): Promise<readonly Message[]> {
    const { client, address } = this.place;
    if (this.isFifo) this.attempt ??= randomUUID();
    const command = new ReceiveMessageCommand({
      QueueUrl: this.url,
      MaxNumberOfMessages: room,
      VisibilityTimeout: address.lease,
      WaitTimeSeconds: address.wait,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'MessageGroupId'],
      MessageAttributeNames: ['All'],
      ReceiveRequestAttemptId: this.attempt,
    });
    const { Messages = [] } = await client.send(
      command,
      bounded(address.wait * 1_000 + ANSWERED_WITHIN_MS),
    );
    return Messages;
  }

  private async failed(error: unknown): Promise<void> {
    const why = reasonOf(error);
    const { context, declareAnew } = this.place;
    if (!this.stopped && this.problem === undefined)
      context.log(
        'warn',
        `SQS at ${this.place.address} gives no commands: ${why}; it is asked again and again`,
      );
    this.problem = why;
    if (isMissing(error))
      await declareAnew().catch((failure: Error) => (this.problem = failure.message));
    if (!this.stopped)
      await new Promise<void>(
        (resolve) => void ((this.wake = resolve), context.clock.after(AGAIN_AFTER_MS, resolve)),
      );
  }

  private take(message: Message, asked: number): void {
    const held = new LeasedMessage(
      message,
      message.Attributes?.MessageGroupId,
      asked + this.place.address.lease * 1_000,
    );
    this.leases.take(held);
    const lane = this.laneOf(held, message.MessageId!);
    const handled = new Promise<void>((resolve) =>
      this.place.lanes.add(lane, () => this.handle(held).finally(resolve)),
    );
    this.running.add(handled);
    void handled.then(() => this.running.delete(handled));
  }

  /** Never rejects. */
  private async handle(held: LeasedMessage): Promise<void> {
    try {
      if (held.ended) return;
      if (this.stopped) return await this.giveBack(held);
      if (await this.movedOn(held)) return await this.leases.finish(held);
      const outcome = await this.outcomeOf(held);
      if (!held.ended) await this.settle(outcome, held);
    } catch (error) {
      this.leases.drop(held);
      this.place.context.log(
        'warn',
        `${this.place.subscription.name}: a command could not be moved on, SQS keeps it: ${reasonOf(error)}`,
      );
    }
  }

  /**
   * Messages that the pipeline returned although the instance is not stopping wait here: SQS would
   * count each return.
   */
  private async outcomeOf(held: LeasedMessage): Promise<Outcome> {
    const { deliver, context } = this.place;
    let outcome: Outcome = { kind: 'return' };
    const attempt = async () => {
      outcome = await deliver(this.deliveryOf(held));
      return outcome.kind !== 'return';
    };
    await deliverUntilSettled(context.clock, attempt, () => !this.stopped && !held.ended);
    return outcome;
  }

  private deliveryOf({ message, signal }: LeasedMessage): Delivery {
    const { subscription } = this.place;
    return {
      subscription,
      ...contentOf(message),
      attempt: attemptOf(message),
      suspect: isSuspect(message),
      failure: failureOf(message),
      signal,
      supports: this.supports,
    };
  }
}

/**
 * Commands without a key, and delayed ones that are due. A retry waits as a copy in the same queue.
 */
export class StandardConsumer extends QueueConsumer {
  protected readonly supports = { retry: true, dead: false };

  constructor(url: string, place: Place) {
    super(url, place, false);
  }

  protected laneOf(_held: LeasedMessage, id: string): string {
    return `id:${id}`;
  }

  protected async movedOn({ message }: LeasedMessage): Promise<boolean> {
    const { publisher, subscription } = this.place;
    const remaining = remainingOf(message);
    const kept = { attempt: attemptOf(message), failure: failureOf(message) };
    if (remaining > 0) {
      await publisher.putLater(subscription.name, remaining, (rest) =>
        copyOf(message, { ...kept, remaining: rest }),
      );
      return true;
    }
    const { partitionkey } = contentOf(message).headers;
    if (partitionkey === undefined) return false;
    await publisher.putInLane(subscription.name, partitionkey, copyOf(message, kept));
    return true;
  }

  protected async settle(outcome: Outcome, held: LeasedMessage): Promise<void> {
    if (outcome.kind === 'return') return this.giveBack(held);
    if (outcome.kind === 'retry') {
      const { message } = held;
      const { after, failure } = outcome;
      await this.place.publisher.putLater(this.place.subscription.name, after, (remaining) =>
        copyOf(message, { attempt: attemptOf(message) + 1, failure, remaining }),
      );
    }
    // Only now: until here SQS would hand out the original again.
    await this.leases.finish(held);
  }

  /** As a copy with the same attempt, because SQS would count a returned message as one more. */
  protected async giveBack(held: LeasedMessage): Promise<void> {
    const { message } = held;
    await this.place.publisher.putLater(this.place.subscription.name, 0, (remaining) =>
      copyOf(message, { attempt: attemptOf(message), failure: failureOf(message), remaining }),
    );
    await this.leases.finish(held);
  }
}

/**
 * Commands with a key. SQS hands out those of one key in order, and later ones only when the
 * earlier ones are gone or back.
 */
export class LaneConsumer extends QueueConsumer {
  protected readonly supports = IN_PLACE;

  constructor(url: string, place: Place) {
    super(url, place, true);
  }

  protected laneOf({ group }: LeasedMessage, id: string): string {
    return group === undefined ? `id:${id}` : `group:${group}`;
  }

  protected async movedOn(): Promise<boolean> {
    return false;
  }

  protected async settle(outcome: Outcome, held: LeasedMessage): Promise<void> {
    if (outcome.kind === 'done') return this.leases.finish(held);
    await this.giveBack(held);
  }

  /** Its successors first, the last one before all: SQS must not hand them out before it. */
  protected async giveBack({ group }: LeasedMessage): Promise<void> {
    for (const held of this.leases.ofGroup(group!).toReversed()) await this.leases.giveBack(held);
  }
}
