import {
  type Deliver,
  type Delivery,
  type Outcome,
  pause,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Channel, ConsumeMessage } from 'amqplib';
import { attemptOf, failureOf, isSuspect } from './cloudevents';
import type { CommandPublisher } from './publisher';
import { Semaphore, Underway } from './concurrency';

/**
 * Milliseconds that a message of the own queue waits after the pipeline returned it although the
 * instance is not stopping, or after it could not be moved.
 */
const PAUSE_MS = 1_000;

export interface Handing extends Pick<Delivery, 'headers' | 'supports' | 'signal'> {
  readonly wanted: () => boolean;
  readonly settle: (outcome: Outcome) => Promise<void> | void;
  /** A second set in which the delivery is counted. */
  readonly underway?: Underway;
}

/**
 * Delivers messages of all consumers of an instance to the pipeline, bounded by the subscription's
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

  /** Later deliveries belong to a new connection. */
  connected(): void {
    this.connection = new AbortController();
  }

  /** Aborts running deliveries: the broker delivers their messages again. */
  abandon(why: string): void {
    this.connection.abort(new Error(why));
  }

  /** Aborted when the connection of the messages that arrive now is lost. */
  get signal(): AbortSignal {
    return this.connection.signal;
  }

  /**
   * Delivers a message when a slot is free, if `wanted` still returns true by then, and calls
   * `settle` with the outcome. Returns whether the message was delivered.
   */
  hand(message: ConsumeMessage, handing: Handing): Promise<boolean> {
    return this.slots.hold(async () => {
      if (!handing.wanted()) return false;
      const work = this.pipeline(this.deliveryOf(message, handing)).then(handing.settle);
      handing.underway?.add(work);
      await this.underway.add(work);
      return true;
    });
  }

  pause(): Promise<void> {
    return pause(this.context.clock, PAUSE_MS);
  }

  private deliveryOf(message: ConsumeMessage, { headers, supports, signal }: Handing): Delivery {
    const { subscription } = this;
    return {
      subscription,
      headers,
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
 * Acknowledges on the message's channel. If that is closed the broker has the message back already,
 * and delivers it again.
 */
export function acknowledge(channel: Channel, message: ConsumeMessage): void {
  onOpen(() => channel.ack(message));
}

/** Returns the message to its queue at once; RabbitMQ counts a delivery. */
export function requeue(channel: Channel, message: ConsumeMessage): void {
  onOpen(() => channel.nack(message, false, true));
}

/** Moves the message to the broker's dead letters, which the owner drains. */
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
