import type { Headers } from '../message/message';
import type { TransportContext } from '../ports/transport';
import type { Deliver } from '../ports/delivery';
import { settledWithin } from '../timeout';
import type { RegisteredSubscription } from '../ports/subscription';

/** Broadcasts that wait for a handler. Further ones are missed. */
const MAX_WAITING = { messages: 10_000, bytes: 64 * 2 ** 20 };
const DRAIN_TIMEOUT_MS = 1_000;

/** A broadcast, as a technology brings it. */
export interface ReceivedBroadcast {
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A broadcast that is fetched when its turn comes. */
export interface DeferredBroadcast {
  /** Resolves with undefined when the broadcast is gone. Never rejects. */
  readonly fetch: () => Promise<ReceivedBroadcast | undefined>;
}

type Waiting = ReceivedBroadcast | DeferredBroadcast;

/**
 * Handles the broadcasts of one subscription in their order of arrival, as many at a time as its
 * concurrency. When it is behind, 10,000 of them wait, or 64 MiB; the newest beyond them are
 * dropped, with a warning. Gaps of the sequence numbers show it. The same for all technologies but
 * Kafka, whose topic keeps the broadcasts that wait.
 */
export class BroadcastConsumer {
  private readonly end = new AbortController();
  private readonly handling = new Set<Promise<unknown>>();
  private waiting: Waiting[] = [];
  private bytes = 0;
  /** Broadcasts are being missed; the log says so once. */
  private isBehind = false;
  private stopped = false;

  constructor(
    private readonly subscription: RegisteredSubscription,
    private readonly deliver: Deliver,
    private readonly log: TransportContext['log'],
    private readonly most = MAX_WAITING,
  ) {
    subscription.onConcurrency?.(() => this.handleWaiting());
  }

  /** Broadcasts that wait or are being handled. */
  get unsettled(): number {
    return this.waiting.length + this.handling.size;
  }

  /** Never throws. */
  receive(received: Waiting): void {
    if (this.stopped) return;
    if (this.hasRoomFor(received)) this.wait(received);
    else if (!this.isBehind) {
      this.isBehind = true;
      this.log(
        'warn',
        `broadcasts come faster than they are handled: ${this.waiting.length} wait, the next ones are missed`,
      );
    }
    this.handleWaiting();
  }

  /** Stops handling; waiting broadcasts are dropped. */
  stop(): void {
    this.stopped = true;
    this.waiting = [];
    this.bytes = 0;
  }

  /** Aborts running handlings, and leaves them a moment to end. */
  async close(): Promise<void> {
    this.stop();
    this.end.abort(new Error('the drain ran out of time'));
    await settledWithin(DRAIN_TIMEOUT_MS, Promise.allSettled(this.handling));
  }

  private hasRoomFor(received: Waiting): boolean {
    return (
      this.waiting.length < this.most.messages && this.bytes + sizeOf(received) <= this.most.bytes
    );
  }

  private wait(received: Waiting): void {
    this.waiting.push(received);
    this.bytes += sizeOf(received);
  }

  private handleWaiting(): void {
    while (this.handling.size < this.subscription.concurrency && this.waiting.length > 0) {
      const next = this.waiting.shift()!;
      this.bytes -= sizeOf(next);
      this.handle(next);
    }
    if (this.waiting.length === 0) this.isBehind = false;
  }

  /** Handles a broadcast, once: it cannot be given back, also when it fails. */
  private handle(next: Waiting): void {
    const handling = this.handleOne(next).finally(() => {
      this.handling.delete(handling);
      this.handleWaiting();
    });
    this.handling.add(handling);
  }

  private async handleOne(next: Waiting): Promise<void> {
    const message = 'fetch' in next ? await next.fetch() : next;
    if (!message || this.stopped) return;
    await this.deliver({
      subscription: this.subscription,
      headers: message.headers,
      body: message.body,
      attempt: 1,
      signal: this.end.signal,
      supports: { retry: false, dead: false },
    });
  }
}

/** Characters and bytes. A deferred broadcast takes no room before it is fetched. */
function sizeOf(waiting: Waiting): number {
  if ('fetch' in waiting) return 0;
  const { headers, body } = waiting;
  let size = body.length;
  for (const name in headers) size += name.length + headers[name]!.length;
  return size;
}
