import type {
  Deliver,
  Delivery,
  Outcome,
  TransportContext,
  RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Channel, ConsumeMessage } from 'amqplib';
import { attemptOf, failureOf, headersOf, isSuspect } from './cloudevents';
import type { CommandPublisher } from './publisher';
import { Semaphore, Underway } from './turns';

/**
 * How long a message waits that the pipeline gave back although nobody is stopping, or that could
 * not be moved on.
 */
const PAUSE = 1_000;

export interface Handing extends Pick<Delivery, 'supports' | 'signal'> {
  readonly wanted: () => boolean;
  readonly settle: (outcome: Outcome) => Promise<void> | void;
  /** Where else to count it. */
  readonly underway?: Underway;
}

/**
 * What all consumers of an intake share: the way to the pipeline, bounded by the subscription's
 * concurrency.
 */
export class Deliveries {
  readonly underway = new Underway();
  private readonly slots: Semaphore;
  private connection = new AbortController();

  constructor(
    readonly subscription: RegisteredSubscription,
    readonly publisher: CommandPublisher,
    readonly context: TransportContext,
    private readonly pipeline: Deliver,
  ) {
    this.slots = new Semaphore(() => subscription.concurrency);
    subscription.onConcurrency?.(() => this.slots.changed());
  }

  get owner(): string {
    return this.subscription.name;
  }

  /** Deliveries begun from now on belong to a new connection. */
  connected(): void {
    this.connection = new AbortController();
  }

  /** What is under way is not ours any more: the broker hands it out again. */
  abandon(why: string): void {
    this.connection.abort(new Error(why));
  }

  /** Aborted when what arrives now is not ours any more. */
  get signal(): AbortSignal {
    return this.connection.signal;
  }

  /**
   * Hands a message to the pipeline when a slot is free, if `wanted` still says so by then, and
   * lets `settle` do what it decided. Says whether it was handed over.
   */
  hand(
    message: ConsumeMessage,
    { supports, signal, wanted, settle, underway }: Handing,
  ): Promise<boolean> {
    return this.slots.hold(async () => {
      if (!wanted()) return false;
      const work = this.pipeline(this.deliveryOf(message, supports, signal)).then(settle);
      underway?.add(work);
      await this.underway.add(work);
      return true;
    });
  }

  pause(): Promise<void> {
    return new Promise((resolve) => this.context.clock.after(PAUSE, resolve));
  }

  private deliveryOf(
    message: ConsumeMessage,
    supports: Delivery['supports'],
    signal: AbortSignal,
  ): Delivery {
    const { subscription } = this;
    return {
      subscription,
      headers: headersOf(message),
      body: message.content,
      attempt: attemptOf(message),
      suspect: isSuspect(message),
      failure: failureOf(message),
      signal,
      supports,
    };
  }
}

/**
 * On the channel it came by. If that is closed the broker has the message back already, and hands
 * it out again.
 */
export function acknowledge(channel: Channel, message: ConsumeMessage): void {
  onOpen(() => channel.ack(message));
}

/** Back into its queue at once; RabbitMQ counts it as a delivery. */
export function requeue(channel: Channel, message: ConsumeMessage): void {
  onOpen(() => channel.nack(message, false, true));
}

/** To the broker's dead letters, which the owner drains. */
export function reject(channel: Channel, message: ConsumeMessage): void {
  onOpen(() => channel.nack(message, false, false));
}

function onOpen(settle: () => void): void {
  try {
    settle();
  } catch (error) {
    if ((error as Error).name !== 'IllegalOperationError') throw error;
  }
}
