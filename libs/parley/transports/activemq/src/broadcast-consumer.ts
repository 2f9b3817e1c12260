import {
  type Deliver,
  type SubscriptionRegistry,
  BroadcastConsumer,
  type ConsumerHealth,
  ConsumerServer,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Connection, EventContext, Receiver } from 'rhea';
import { type Address, startFailure } from './address';
import { received } from './cloudevents';
import { AmqpConnection } from './amqp-connection';
import { attached, linkError, Management } from './management';
import { addressIsThere } from './publisher';
import { addressOf } from './topology';

/**
 * Broadcasts buffered here, bounded, while they wait for a handler. They are taken at once, because
 * the broker would buffer them without bounds.
 */
const AHEAD = 1_000;
const STOPPED_WITHIN_MS = 1_000;

/**
 * Receives the broadcasts of its contracts' addresses, over subscriptions that end with their
 * connection.
 */
export class ActiveMqBroadcastConsumer extends ConsumerServer<'broadcast'> {
  private readonly line: AmqpConnection;
  private hearing?: BroadcastConsumer;
  private subscription?: RegisteredSubscription;
  private receivers: readonly Receiver[] = [];
  private state: ConsumerHealth['state'] = 'starting';
  private reason?: string;
  private stopping?: Promise<void>;

  constructor(
    private readonly address: Address,
    registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly context: TransportContext,
  ) {
    super('broadcast', registry);
    const opened = (connection: Connection) => this.listenOn(connection);
    this.line = new AmqpConnection(address, `${context.instance}-broadcasts`, {
      log: context.log,
      opened,
      lost: (why) => this.lost(why),
    });
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  async close(): Promise<void> {
    await this.stop();
    await this.hearing?.close();
    await this.line.close();
  }

  health(): ConsumerHealth {
    return {
      technology: 'activemq',
      kind: 'broadcast',
      state: this.state,
      ...(this.reason && { reason: this.reason }),
    };
  }

  protected async start(): Promise<void> {
    [this.subscription] = this.registry.subscriptions('broadcast');
    this.hearing = new BroadcastConsumer(this.subscription!, this.deliver, this.context.log);
    try {
      await this.line.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private async listenOn(connection: Connection): Promise<void> {
    const targets = [...this.subscription!.handlers.keys()].map(addressOf);
    if (this.context.topology === 'verify') {
      const management = new Management(connection);
      await Promise.all(targets.map((target) => addressIsThere(management, target, this.address)));
    }
    this.receivers = await Promise.all(targets.map((target) => this.subscribe(connection, target)));
    if (this.stopping) return;
    this.state = 'consuming';
    this.reason = undefined;
  }

  private async subscribe(connection: Connection, target: string): Promise<Receiver> {
    const source = { address: target, capabilities: ['topic'] };
    const receiver = connection.open_receiver({
      source,
      snd_settle_mode: 1,
      credit_window: AHEAD,
    } as never);
    receiver.on('message', ({ message }: EventContext) =>
      this.hearing!.receive(received(message!)),
    );
    await attached(receiver, 'receiver_open');
    receiver.on(
      'receiver_close',
      () => !this.stopping && this.recover(connection, linkError(receiver)),
    );
    return receiver;
  }

  private async stopNow(): Promise<void> {
    this.state = 'stopped';
    this.reason = undefined;
    this.hearing?.stop();
    const open = this.receivers.filter(
      (receiver) => this.line.current !== undefined && receiver.is_open(),
    );
    const closed = open.map(
      (receiver) =>
        new Promise<void>((resolve) => receiver.once('receiver_close', () => resolve())),
    );
    for (const receiver of open) receiver.close();
    await withTimeout(STOPPED_WITHIN_MS, Promise.all(closed), () => new Error('no answer')).catch(
      () => undefined,
    );
  }

  private lost(why: Error): void {
    this.receivers = [];
    if (this.stopping || this.state === 'starting') return;
    this.state = 'disconnected';
    this.reason = startFailure(this.address, why).message;
  }

  private recover(connection: Connection, error: Error): void {
    this.context.log(
      'warn',
      `ActiveMQ at ${this.address} ended a subscription: ${error.message}; connecting anew`,
    );
    this.line.renew(connection);
  }
}
