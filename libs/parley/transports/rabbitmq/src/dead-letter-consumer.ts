import type { Store } from '@parley/messaging';
import { type Failure, givenUpByBroker } from '@parley/messaging/transport';
import type { Channel, ConsumeMessage } from 'amqplib';
import { deliveriesOf, deathOf, failureOf, headersOf } from './cloudevents';
import { acknowledge, requeue, type Deliveries } from './delivery';

/**
 * Consumes the broker's own dead letters, and adds them to those of the service, with the reason.
 */
export class DeadLetterConsumer {
  constructor(
    private readonly deliveries: Deliveries,
    private readonly store: Store,
  ) {}

  /** Never rejects. */
  async take(message: ConsumeMessage, channel: Channel): Promise<void> {
    try {
      await this.deliveries.underway.add(this.bury(message));
      acknowledge(channel, message);
    } catch (error) {
      this.deliveries.context.log(
        'error',
        `${this.deliveries.owner}: a dead letter could not be stored, RabbitMQ keeps it: ${(error as Error).message}`,
      );
      await this.deliveries.pause();
      requeue(channel, message);
    }
  }

  private async bury(message: ConsumeMessage): Promise<void> {
    const headers = headersOf(message);
    const buried = {
      subscription: this.deliveries.owner,
      key: headers.partitionkey,
      headers,
      body: message.content,
    };
    await this.store.lanes.deadLetter(undefined, buried, this.failureOf(message), false);
  }

  private failureOf(message: ConsumeMessage): Failure {
    const { reason, queue, at } = deathOf(message);
    return givenUpByBroker({
      reason: `RabbitMQ gave it up in ${queue}: ${reason}`,
      before: failureOf(message),
      deliveries: deliveriesOf(message),
      instance: this.deliveries.context.instance,
      at,
    });
  }
}
