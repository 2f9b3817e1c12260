import { createInbox, type Msg, nanos, type Subscription } from '@nats-io/transport-node';
import { withTimeout } from '@parley/messaging/transport';
import type { Connection } from './connection';

/** JetStream holds a request so long for a message, then ends it. */
const WAIT_MS = 30_000;
/** A request that JetStream did not end by then is lost. */
const LOST_AFTER_MS = WAIT_MS + 5_000;
const DRAINED_WITHIN_MS = 1_000;

/** Status codes that end a request without a fault: no messages, and expired. */
const NOTHING_CAME = [404, 408];

const lost = () => new Error('the connection is lost');

/**
 * Requests messages of a durable consumer, one request at a time. The client's own `fetch` drops
 * messages that are on their way when it is stopped; they would come again only after their lease.
 */
export class Pull {
  private readonly subject: string;
  private readonly inbox = createInbox();
  private readonly subscription: Subscription;
  /** Messages that the open request may still bring. */
  private due = 0;
  private end: (error?: Error) => void = () => undefined;

  constructor(
    private readonly connection: Connection,
    stream: string,
    consumer: string,
    private readonly take: (message: Msg) => void,
  ) {
    this.subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    this.subscription = connection.nats.subscribe(this.inbox, {
      callback: (error, message) => (error ? this.end(error) : this.receive(message)),
    });
  }

  /**
   * Resolves when all messages of the request came, or no more within half a minute.
   * @throws when JetStream refuses the request, or the connection is lost
   */
  async request(most: number): Promise<void> {
    if (!this.connection.isUp) throw lost();
    const ended = new Promise<void>((resolve, reject) => {
      this.end = (error) => (error ? reject(error) : resolve());
    });
    const unwatch = this.connection.onLoss(() => this.end(lost()));
    this.due = most;
    try {
      const wanted = JSON.stringify({ batch: most, expires: nanos(WAIT_MS) });
      this.connection.nats.publish(this.subject, wanted, { reply: this.inbox });
      await withTimeout(LOST_AFTER_MS, ended, () => new Error('a request for messages was lost'));
    } finally {
      unwatch();
    }
  }

  /** Ends the request. Messages that were on their way have been taken when this resolves. */
  async close(): Promise<void> {
    const drained = this.connection.isUp ? this.subscription.drain() : Promise.resolve();
    await withTimeout(DRAINED_WITHIN_MS, drained, () => new Error('no answer')).catch(
      () => undefined,
    );
    this.subscription.unsubscribe();
    this.end();
  }

  private receive(message: Msg): void {
    const { code = 0, description = '' } = message.headers ?? {};
    if (NOTHING_CAME.includes(code)) return this.end();
    if (code > 0) return this.end(new Error(`JetStream ends a request: ${code} ${description}`));
    this.take(message);
    if (--this.due === 0) this.end();
  }
}
