import {
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { reasonOf } from '@parley/aws';
import type { Store } from '@parley/messaging';
import { type Failure, givenUpByBroker, type TransportContext } from '@parley/messaging/transport';
import { bounded } from './topology';
import { deliveriesOf, contentOf, failureOf } from './cloudevents';

const WAIT_SECONDS = 20;
const AGAIN_AFTER_MS = 5_000;

/**
 * Moves messages that SQS itself gave up on to the dead letters of the service, with the reason.
 */
export class DeadLetterConsumer {
  private readonly stopped = new AbortController();
  private running?: Promise<unknown>;

  constructor(
    private readonly client: SQSClient,
    private readonly urls: readonly string[],
    private readonly owner: string,
    private readonly store: Store,
    private readonly context: TransportContext,
  ) {}

  start(): void {
    this.running = Promise.all(this.urls.map((url) => this.drain(url)));
  }

  /** Messages that SQS delivers at this very moment come again. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async drain(url: string): Promise<void> {
    while (!this.stopped.signal.aborted) {
      try {
        for (const message of await this.receive(url)) await this.bury(message, url);
      } catch (error) {
        if (this.stopped.signal.aborted) return;
        this.context.log(
          'warn',
          `${this.owner}: the dead letters of SQS could not be taken over, SQS keeps them: ${reasonOf(error)}`,
        );
        await this.pause();
      }
    }
  }

  private async receive(url: string): Promise<readonly Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 30,
      WaitTimeSeconds: WAIT_SECONDS,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      MessageAttributeNames: ['All'],
    });
    return (
      (await this.client.send(command, bounded(WAIT_SECONDS * 1_000 + 5_000, this.stopped.signal)))
        .Messages ?? []
    );
  }

  private async bury(message: Message, url: string): Promise<void> {
    const { headers, body } = contentOf(message);
    await this.store.lanes.deadLetter(
      undefined,
      { subscription: this.owner, key: headers.partitionkey, headers, body },
      this.failure(message),
      false,
    );
    await this.client.send(
      new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle }),
      bounded(),
    );
  }

  private failure(message: Message): Failure {
    return givenUpByBroker({
      reason: 'SQS gave it up after it was handed out so often without an end',
      before: failureOf(message),
      deliveries: deliveriesOf(message),
      instance: this.context.instance,
      at: new Date(this.context.clock.now()),
    });
  }

  private pause(): Promise<void> {
    const { signal } = this.stopped;
    return new Promise((resolve) => {
      const go = () => {
        cancel();
        signal.removeEventListener('abort', go);
        resolve();
      };
      const cancel = this.context.clock.after(AGAIN_AFTER_MS, go);
      signal.addEventListener('abort', go);
    });
  }
}
