import type { Headers } from '../message/message';
import type { TransportContext } from '../ports/transport';
import type { Deliver } from '../ports/delivery';
import { withTimeout } from '../timeout';
import type { RegisteredSubscription } from '../ports/subscription';

/**
 * News that wait for a handler, and what they weigh. Those who listen too slowly miss some, as the
 * sequence numbers tell them.
 */
const MAX_WAITING = { messages: 10_000, bytes: 64 * 2 ** 20 };
const DRAIN_TIMEOUT_MS = 1_000;

/** Something that was said, as a technology brings it. */
export interface ReceivedBroadcast {
  readonly headers: Headers;
  readonly body: Buffer;
}

/**
 * Where a technology takes the broadcasts it hears: they are handled as they come, no more at a
 * time than the subscription allows; so many wait, and what exceeds that is missed, with a warning.
 */
export class BroadcastConsumer {
  private readonly end = new AbortController();
  private readonly handling = new Set<Promise<unknown>>();
  private waiting: ReceivedBroadcast[] = [];
  private bytes = 0;
  private missed = 0;
  private stopped = false;

  constructor(
    private readonly subscription: RegisteredSubscription,
    private readonly deliver: Deliver,
    private readonly log: TransportContext['log'],
    private readonly most = MAX_WAITING,
  ) {
    subscription.onConcurrency?.(() => this.handleWaiting());
  }

  /** Never throws. */
  receive(heard: ReceivedBroadcast): void {
    if (this.stopped) return;
    if (this.hasRoomFor(heard)) this.wait(heard);
    else if (this.missed++ === 0)
      this.log(
        'warn',
        `broadcasts come faster than they are handled: ${this.waiting.length} wait, the next ones are missed`,
      );
    this.handleWaiting();
  }

  /** From now on nothing is handed over; what waits is forgotten. */
  stop(): void {
    this.stopped = true;
    this.waiting = [];
    this.bytes = 0;
  }

  /** Tells what is under way to give up, and leaves it a moment to do so. */
  async close(): Promise<void> {
    this.stop();
    this.end.abort(new Error('the drain ran out of time'));
    await withTimeout(
      DRAIN_TIMEOUT_MS,
      Promise.allSettled(this.handling),
      () => new Error('still under way'),
    ).catch(() => undefined);
  }

  private hasRoomFor(heard: ReceivedBroadcast): boolean {
    return (
      this.waiting.length < this.most.messages && this.bytes + sizeOf(heard) <= this.most.bytes
    );
  }

  private wait(heard: ReceivedBroadcast): void {
    this.waiting.push(heard);
    this.bytes += sizeOf(heard);
  }

  private handleWaiting(): void {
    while (this.handling.size < this.subscription.concurrency && this.waiting.length > 0) {
      const next = this.waiting.shift()!;
      this.bytes -= sizeOf(next);
      this.handle(next);
    }
    if (this.waiting.length === 0) this.missed = 0;
  }

  /** There is nobody to give a broadcast back to: whatever becomes of it, it is over. */
  private handle({ headers, body }: ReceivedBroadcast): void {
    const { subscription } = this;
    const delivery = {
      subscription,
      headers,
      body,
      attempt: 1,
      signal: this.end.signal,
      supports: { retry: false, dead: false },
    };
    const handling = this.deliver(delivery).finally(() => {
      this.handling.delete(handling);
      this.handleWaiting();
    });
    this.handling.add(handling);
  }
}

function sizeOf({ headers, body }: ReceivedBroadcast): number {
  let size = body.length;
  for (const name in headers) size += name.length + headers[name]!.length;
  return size;
}
