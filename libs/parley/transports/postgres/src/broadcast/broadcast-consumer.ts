import { setMaxListeners } from 'node:events';
import {
  type Deliver,
  type HandlerRegistry,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { NotificationListener } from '../connection/notification-listener';
import { channelOf, notified, type Notification, unpacked } from './broadcast';
import type { Caller, Statement } from '../connection/database';

export interface BroadcastIntakeOptions {
  readonly database: Caller;
  readonly bell: NotificationListener;
  readonly context: TransportContext;
  readonly registry: HandlerRegistry;
  readonly deliver: Deliver;
}

const READ: Statement = {
  name: 'parley_read_broadcast',
  text: 'select parley.read_broadcast($1) content',
};

/**
 * Broadcasts that may wait in memory for a handler. Beyond it the oldest are dropped: news nobody
 * has time for is not kept.
 */
const WAITING_AT_MOST = 10_000;

/** Receives every broadcast said while it listens, at most once, on every instance. */
export class PostgresBroadcastConsumer extends ConsumerServer {
  private readonly subscriptions: RegisteredSubscription[] = [];
  private readonly waiting: {
    readonly subscription: RegisteredSubscription;
    readonly notification: Notification;
  }[] = [];
  private readonly stopping = new AbortController();
  private readonly cancels: (() => Promise<void>)[] = [];
  private state: ConsumerHealth['state'] = 'starting';
  private running = 0;
  /** How often the connection was away, each time for an unknown number of broadcasts. */
  interruptions = 0;
  /** Broadcasts dropped because too many waited, or gone before they were fetched. */
  dropped = 0;

  constructor(private readonly options: BroadcastIntakeOptions) {
    super('broadcast', options.registry);
    setMaxListeners(0, this.stopping.signal);
  }

  health(): ConsumerHealth {
    const away =
      this.state === 'consuming' && this.subscriptions.length > 0 && !this.options.bell.connected;
    if (away)
      return {
        technology: 'postgres',
        kind: 'broadcast',
        state: 'disconnected',
        reason: 'the listening connection is lost',
      };
    return { technology: 'postgres', kind: 'broadcast', state: this.state };
  }

  protected async start(): Promise<void> {
    this.subscriptions.push(...this.registry.subscriptions('broadcast'));
    for (const subscription of this.subscriptions) {
      const owners = new Set(
        [...subscription.handlers.values()].map(({ contract }) => contract.owner),
      );
      for (const owner of owners) await this.listenTo(subscription, owner);
    }
    this.state = 'consuming';
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    this.waiting.length = 0;
    await Promise.all(this.cancels.splice(0).map((cancel) => cancel()));
  }

  async close(): Promise<void> {
    await this.stop();
    this.stopping.abort(new Error('the instance stops'));
  }

  private async listenTo(subscription: RegisteredSubscription, owner: string): Promise<void> {
    const hear = (payload: string) => this.enqueue(subscription, notified(payload));
    this.cancels.push(
      await this.options.bell.listen(channelOf(owner), {
        hear,
        reconnected: () => this.missed(owner),
      }),
    );
  }

  private missed(owner: string): void {
    this.interruptions++;
    this.options.context.log(
      'warn',
      `broadcasts of ${owner} may have been missed: the connection was lost for a while`,
      { interruptions: this.interruptions },
    );
  }

  private enqueue(subscription: RegisteredSubscription, notification: Notification): void {
    if (this.state === 'stopped') return;
    if (this.waiting.push({ subscription, notification }) > WAITING_AT_MOST)
      this.drop('handlers are too slow', this.waiting.shift()!.subscription);
    this.work(subscription);
  }

  private drop(why: string, { name }: RegisteredSubscription): void {
    // The first and then one in a thousand: dropping must not be slowed down by telling about it.
    if (this.dropped++ % 1000 === 0)
      this.options.context.log('warn', `${name}: a broadcast was dropped: ${why}`, {
        dropped: this.dropped,
      });
  }

  /** Broadcasts of all owners go to one subscription. */
  private work(bound: RegisteredSubscription): void {
    while (this.running < bound.concurrency && this.waiting.length > 0) void this.run(bound);
  }

  private async run(bound: RegisteredSubscription): Promise<void> {
    this.running++;
    const { subscription, notification } = this.waiting.shift()!;
    const content = await this.contentOf(notification, subscription);
    if (content && this.state !== 'stopped') await this.handOn(subscription, content);
    this.running--;
    this.work(bound);
  }

  private async handOn(subscription: RegisteredSubscription, content: Buffer): Promise<void> {
    const message = this.read(content, subscription);
    if (!message) return;
    const { headers, body } = message;
    if (!subscription.handlers.has(headers['type'] ?? '')) return;
    const supports = { retry: false, dead: false };
    await this.options.deliver({
      subscription,
      headers,
      body,
      attempt: 1,
      signal: this.stopping.signal,
      supports,
    });
  }

  /** Whoever may connect may NOTIFY: what is no message of ours must not hurt. */
  private read(
    content: Buffer,
    subscription: RegisteredSubscription,
  ): ReturnType<typeof unpacked> | undefined {
    try {
      return unpacked(content);
    } catch {
      this.drop('it is not readable', subscription);
      return undefined;
    }
  }

  private async contentOf(
    notification: Notification,
    subscription: RegisteredSubscription,
  ): Promise<Buffer | undefined> {
    if ('inline' in notification) return notification.inline;
    try {
      const [row] = await this.options.database.call<{ content: Buffer | null }>(READ, [
        notification.stored,
      ]);
      if (row?.content) return row.content;
      this.drop('it waited longer than long broadcasts are kept', subscription);
    } catch (error) {
      this.drop(`it could not be fetched (${(error as Error).message})`, subscription);
    }
    return undefined;
  }
}
