import {
  BroadcastConsumer,
  type Deliver,
  type SubscriptionRegistry,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  type ReceivedBroadcast,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { NotificationListener } from '../connection/notification-listener';
import { channelOf, notified, type Notification, unpacked } from './broadcast';
import type { Caller, Statement } from '../connection/database';

export interface BroadcastIntakeOptions {
  readonly database: Caller;
  readonly listener: NotificationListener;
  readonly context: TransportContext;
  readonly registry: SubscriptionRegistry;
  readonly deliver: Deliver;
}

const READ: Statement = {
  name: 'parley_read_broadcast',
  text: 'select parley.read_broadcast($1) content',
};

/** Receives every broadcast published while it listens, at most once, on every instance. */
export class PostgresBroadcastConsumer extends ConsumerServer {
  private readonly consumers: BroadcastConsumer[] = [];
  private readonly cancels: (() => Promise<void>)[] = [];
  private state: ConsumerHealth['state'] = 'starting';
  /** Number of connection losses, each with an unknown number of missed broadcasts. */
  interruptions = 0;
  /** Broadcasts that were deleted before they were fetched, or could not be read. */
  private lost = 0;

  constructor(private readonly options: BroadcastIntakeOptions) {
    super('broadcast', options.registry);
  }

  health(): ConsumerHealth {
    const away =
      this.state === 'consuming' && this.consumers.length > 0 && !this.options.listener.connected;
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
    const { deliver, context } = this.options;
    for (const subscription of this.registry.subscriptions('broadcast')) {
      const consumer = new BroadcastConsumer(subscription, deliver, context.log);
      this.consumers.push(consumer);
      const owners = new Set(
        [...subscription.handlers.values()].map(({ contract }) => contract.owner),
      );
      for (const owner of owners) await this.listenTo(subscription, owner, consumer);
    }
    this.state = 'consuming';
  }

  async stop(): Promise<void> {
    this.state = 'stopped';
    for (const consumer of this.consumers) consumer.stop();
    await Promise.all(this.cancels.splice(0).map((cancel) => cancel()));
  }

  async close(): Promise<void> {
    await this.stop();
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
  }

  private async listenTo(
    subscription: RegisteredSubscription,
    owner: string,
    consumer: BroadcastConsumer,
  ): Promise<void> {
    const hear = (payload: string) => this.receive(subscription, notified(payload), consumer);
    this.cancels.push(
      await this.options.listener.listen(channelOf(owner), {
        receive: hear,
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

  private receive(
    subscription: RegisteredSubscription,
    notification: Notification,
    consumer: BroadcastConsumer,
  ): void {
    if ('stored' in notification)
      return consumer.receive({ fetch: () => this.fetched(notification.stored, subscription) });
    const message = this.read(notification.inline, subscription);
    if (message) consumer.receive(message);
  }

  private logLost(why: string, { name }: RegisteredSubscription): void {
    // Log the first and then one in a thousand: logging must not slow down other broadcasts.
    if (this.lost++ % 1000 === 0)
      this.options.context.log('warn', `${name}: a broadcast was dropped: ${why}`, {
        dropped: this.lost,
      });
  }

  /**
   * Returns undefined when no handler here takes it, or when it cannot be read: any program that
   * may connect may NOTIFY.
   */
  private read(
    content: Buffer,
    subscription: RegisteredSubscription,
  ): ReceivedBroadcast | undefined {
    try {
      const message = unpacked(content);
      return subscription.handlers.has(message.headers['type'] ?? '') ? message : undefined;
    } catch {
      this.logLost('it is not readable', subscription);
      return undefined;
    }
  }

  private async fetched(
    id: string,
    subscription: RegisteredSubscription,
  ): Promise<ReceivedBroadcast | undefined> {
    try {
      const [row] = await this.options.database.call<{ content: Buffer | null }>(READ, [id]);
      if (row?.content) return this.read(row.content, subscription);
      this.logLost('it waited longer than long broadcasts are kept', subscription);
    } catch (error) {
      this.logLost(`it could not be fetched (${(error as Error).message})`, subscription);
    }
    return undefined;
  }
}
