import type { Outcome } from '@parley/messaging/transport';
import type { Channel, ConsumeMessage } from 'amqplib';
import { attemptOf, copyOf, failureOf, headersOf, remainingOf } from './cloudevents';
import { acknowledge, reject, requeue, type Deliveries } from './delivery';
import { laneOf } from './topology';
import { Underway } from './concurrency';

/** Consumes the owner's own queue: commands without a key, and those after a delay. */
export class QueueConsumer {
  private stopped = false;
  private readonly taken = new Underway();

  constructor(private readonly deliveries: Deliveries) {}

  /** Delivers no further message to the pipeline; messages that still arrive are returned. */
  stop(): void {
    this.stopped = true;
  }

  /** Resolves when every received message is handled or returned. */
  ended(): Promise<void> {
    return this.taken.ended();
  }

  /** Never rejects. */
  take(message: ConsumeMessage, channel: Channel): Promise<void> {
    return this.taken.add(this.takeOne(message, channel));
  }

  private async takeOne(message: ConsumeMessage, channel: Channel): Promise<void> {
    const { signal } = this.deliveries;
    try {
      const headers = headersOf(message);
      if (await this.movedOn(message, headers.partitionkey)) return acknowledge(channel, message);
      const settle = (outcome: Outcome) => this.settle(outcome, message, channel, signal);
      const wanted = () => !this.stopped && !signal.aborted;
      const handed = await this.deliveries.hand(message, {
        headers,
        supports: { retry: true, dead: false },
        signal,
        wanted,
        settle,
      });
      if (!handed) await settle({ kind: 'return' });
    } catch (error) {
      this.deliveries.context.log(
        'warn',
        `${this.deliveries.owner}: a command could not be moved on, its queue keeps it: ${(error as Error).message}`,
      );
      await this.deliveries.pause();
      requeue(channel, message);
    }
  }

  private async settle(
    outcome: Outcome,
    message: ConsumeMessage,
    channel: Channel,
    signal: AbortSignal,
  ): Promise<void> {
    // The connection is lost: the broker has the message back, and a copy would be a duplicate.
    if (signal.aborted) return;
    if (outcome.kind === 'dead') return reject(channel, message);
    if (outcome.kind === 'retry') await this.putLater(message, outcome);
    if (outcome.kind === 'return') await this.giveBack(message);
    // Acknowledged last: until here the broker would deliver the original again.
    acknowledge(channel, message);
  }

  /**
   * Moves a message after a delay on to its remaining delay, or to its lane. Returns whether it was
   * moved.
   */
  private async movedOn(message: ConsumeMessage, key: string | undefined): Promise<boolean> {
    const { owner, publisher } = this.deliveries;
    const remaining = remainingOf(message);
    const kept = { attempt: attemptOf(message), failure: failureOf(message) };
    if (remaining > 0)
      await publisher.putLater(owner, remaining, message.content, (rest) =>
        copyOf(message, { ...kept, remaining: rest }),
      );
    else if (key !== undefined)
      await publisher.put(owner, laneOf(owner, key), {
        body: message.content,
        properties: copyOf(message, kept),
      });
    return remaining > 0 || key !== undefined;
  }

  private putLater(
    message: ConsumeMessage,
    { after, failure }: Extract<Outcome, { kind: 'retry' }>,
  ): Promise<void> {
    const { owner, publisher } = this.deliveries;
    const attempt = attemptOf(message) + 1;
    return publisher.putLater(owner, after, message.content, (remaining) =>
      copyOf(message, { attempt, failure, remaining }),
    );
  }

  /**
   * Returns the message as a copy with the same attempt: the broker would count a plain requeue as
   * a delivery.
   */
  private async giveBack(message: ConsumeMessage): Promise<void> {
    const { owner, publisher } = this.deliveries;
    if (!this.stopped) await this.deliveries.pause();
    await publisher.put(owner, owner, {
      body: message.content,
      properties: copyOf(message, { attempt: attemptOf(message), failure: failureOf(message) }),
    });
  }
}
