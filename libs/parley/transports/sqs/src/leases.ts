import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchRequestEntry,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { RequestBatcher, TransportContext } from '@parley/messaging/transport';
import { batchesOf, EntryRefusedError } from './batches';
import type { LeasedMessage } from './leased-message';
import { bounded } from './topology';

/** A lease is renewed so often while it lasts: two renewals may fail. */
const RENEWALS = 3;

/** Leases of the messages of one queue: renews them while they are handled, and releases them. */
export class Leases {
  private readonly held = new Set<LeasedMessage>();
  private readonly deletions: RequestBatcher<Omit<DeleteMessageBatchRequestEntry, 'Id'>>;
  private readonly visibilities: RequestBatcher<
    Omit<ChangeMessageVisibilityBatchRequestEntry, 'Id'>
  >;
  private cancel?: () => void;

  constructor(
    client: SQSClient,
    private readonly url: string,
    /** Seconds. */
    private readonly lease: number,
    private readonly context: Pick<TransportContext, 'clock' | 'log'>,
  ) {
    this.deletions = batchesOf((Entries) =>
      client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }), bounded()),
    );
    this.visibilities = batchesOf((Entries) =>
      client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }), bounded()),
    );
  }

  get size(): number {
    return this.held.size;
  }

  /** All of a group, in the order they came. */
  ofGroup(group: string): readonly LeasedMessage[] {
    return [...this.held].filter((one) => one.group === group);
  }

  all(): readonly LeasedMessage[] {
    return [...this.held];
  }

  take(held: LeasedMessage): void {
    this.held.add(held);
    if (!this.cancel) this.renewLater();
  }

  /**
   * Took effect, or is kept elsewhere: SQS may forget it. If that fails SQS hands it out again, and
   * the inbox knows it.
   */
  async finish(held: LeasedMessage): Promise<void> {
    this.drop(held);
    await this.deletions
      .add({ ReceiptHandle: held.message.ReceiptHandle })
      .catch((error) => this.complain('was handled, but could not be deleted', error));
  }

  /** Back to SQS at once, in its place; SQS counts it as a handing-over. */
  async giveBack(held: LeasedMessage): Promise<void> {
    this.drop(held);
    await this.visibilities
      .add({ ReceiptHandle: held.message.ReceiptHandle, VisibilityTimeout: 0 })
      .catch((error) =>
        this.complain('could not be given back and comes again when its lease has run out', error),
      );
  }

  /** Nothing more is done with it: SQS hands it out again when its lease has run out. */
  drop(held: LeasedMessage): void {
    held.ended = true;
    this.held.delete(held);
    if (this.held.size > 0) return;
    this.cancel?.();
    this.cancel = undefined;
  }

  private renewLater(): void {
    this.cancel = this.context.clock.after((this.lease * 1_000) / RENEWALS, () => {
      this.cancel = undefined;
      void Promise.all([...this.held].map((held) => this.renew(held)));
      if (this.held.size > 0) this.renewLater();
    });
  }

  private async renew(held: LeasedMessage): Promise<void> {
    const { clock } = this.context;
    const asked = clock.elapsed();
    try {
      await this.visibilities.add({
        ReceiptHandle: held.message.ReceiptHandle,
        VisibilityTimeout: this.lease,
      });
      held.until = asked + this.lease * 1_000;
    } catch (error) {
      // A message that was deleted or given back meanwhile is gone, too.
      if (held.ended) return;
      if (
        error instanceof EntryRefusedError ||
        clock.elapsed() + (this.lease * 1_000) / RENEWALS > held.until
      )
        this.lose(held, error as Error);
    }
  }

  private lose(held: LeasedMessage, error: Error): void {
    this.complain('is not ours any more: its lease could not be renewed', error);
    // Its successors must not be handled before it: its next consumer gets them, too.
    for (const one of held.group === undefined ? [held] : this.ofGroup(held.group)) {
      this.drop(one);
      one.lose(`the lease of a command in ${this.url} was lost: ${error.message}`);
    }
  }

  private complain(what: string, error: Error): void {
    this.context.log(
      'warn',
      `a command of ${this.url.replace(/^.*\//, '')} ${what}: ${error.message}`,
    );
  }
}
