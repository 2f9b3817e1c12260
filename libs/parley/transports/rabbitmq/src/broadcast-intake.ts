import { type MessageHandler, ServerRMQ } from '@nestjs/microservices';
import { type Deliver, type HandlerExtras, type HandlerRegistry, Hearing, type Intake, type IntakeHealth, type Subscription, TRANSPORT_ID, type TransportContext } from '@parley/messaging';
import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { type Address, RabbitUnavailable, startFailure } from './address';
import { headersOf } from './binding';
import { reconnect, within } from './bound';
import { exchangeOf, exchanges, OWN_QUEUE } from './fanout';
import { CONNECTION } from './publisher';

const STARTED_WITHIN = 15_000;
const STOPPED_WITHIN = 1_000;
const CLOSED_WITHIN = 3_000;
const RECONNECT_AFTER = 1_000;
const CONSUMER = 'hears';

/** Nest's server, made to hear what is said on the exchanges of its contracts, to come back for ever and to say when it is away. */
export class BroadcastIntake extends ServerRMQ implements Intake {
  override transportId = TRANSPORT_ID.broadcast as never;
  private state: IntakeHealth['state'] = 'starting';
  private reason?: string;
  private subscription?: Subscription;
  private hearing?: Hearing;
  private consuming?: ConfirmChannel;
  private stopping?: Promise<void>;
  private failStart?: (error: unknown) => void;

  constructor(
    private readonly address: Address,
    private readonly registry: HandlerRegistry,
    private readonly deliver: Deliver,
    private readonly context: TransportContext,
  ) {
    super({ urls: [address.secret], noAck: true, socketOptions: CONNECTION, maxConnectionAttempts: 1 });
  }

  override addHandler(_pattern: unknown, run: MessageHandler, _isEvent?: boolean, extras?: unknown): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    [this.subscription] = this.registry.subscriptions('broadcast');
    if (!this.subscription) return started();
    this.hearing = new Hearing(this.subscription, this.deliver, this.context.log);
    const late = () => new RabbitUnavailable(this.address, new Error(`no answer within ${STARTED_WITHIN / 1_000} s`));
    try {
      await within(STARTED_WITHIN, this.hearingBegins(), late);
    } catch (error) {
      await this.close();
      return started(startFailure(this.address, error));
    }
    started();
  }

  /** Called for every new connection, with a channel of it. A failure here would otherwise end as an unhandled rejection. */
  override async setupChannel(channel: ConfirmChannel, begun: () => void): Promise<void> {
    if (this.stopping) return;
    const connection = this.manager.connection as ChannelModel;
    try {
      await this.hearFrom(connection, channel);
      begun();
    } catch (error) {
      this.hearingFailed(error, connection);
    }
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  override async close(): Promise<void> {
    await this.stop();
    await this.hearing?.close();
    await within(CLOSED_WITHIN, super.close(), () => new Error('not closed in time')).catch((error: Error) => {
      this.context.log('warn', `RabbitMQ at ${this.address}: the listening connection did not close well: ${error.message}`);
    });
  }

  health(): IntakeHealth {
    return { technology: 'rabbitmq', kind: 'broadcast', state: this.state, ...(this.reason && { reason: this.reason }) };
  }

  private hearingBegins(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.failStart = reject;
      this.start((error) => (error ? reject(error) : resolve())).catch(reject);
      this.on('disconnect', ({ err } = {} as never) => this.disconnected(err));
    });
  }

  private async hearFrom(connection: ChannelModel, channel: ConfirmChannel): Promise<void> {
    const names = [...this.subscription!.handlers.keys()].map(exchangeOf);
    channel.on('error', (error) => this.recover(error));
    await exchanges(connection, names, this.address, this.context.topology);
    const { queue } = await channel.assertQueue('', OWN_QUEUE);
    await Promise.all(names.map((name) => channel.bindQueue(queue, name, '')));
    if (this.stopping) return;
    this.consuming = channel;
    await channel.consume(queue, (message) => this.heard(message), { noAck: true, consumerTag: CONSUMER });
    this.state = this.stopping ? 'stopped' : 'consuming';
    this.reason = undefined;
  }

  /** RabbitMQ cancels a consumer, with null instead of a message, when its queue was deleted. */
  private heard(message: ConsumeMessage | null): void {
    if (message) this.hearing!.hear({ headers: headersOf(message), body: message.content });
    else this.recover(new Error('its queue was deleted'));
  }

  private async stopNow(): Promise<void> {
    this.state = 'stopped';
    this.reason = undefined;
    this.hearing?.stop();
    // A channel that is closed already brings nothing either.
    if (this.consuming) await within(STOPPED_WITHIN, this.consuming.cancel(CONSUMER), () => new Error('no answer')).catch(() => undefined);
  }

  private disconnected(error?: Error): void {
    this.consuming = undefined;
    if (this.stopping) return;
    this.state = 'disconnected';
    this.reason ??= `the connection to RabbitMQ at ${this.address} was lost${error ? `: ${error.message}` : ''}`;
  }

  private hearingFailed(error: unknown, connection: ChannelModel): void {
    const failure = startFailure(this.address, error);
    if (this.state === 'starting') return this.failStart?.(failure);
    this.reason = failure.message;
    this.context.log('error', failure.message);
    this.context.clock.after(RECONNECT_AFTER, () => this.reconnectFrom(connection));
  }

  /** A closed channel stays closed as long as its connection lives; so the connection has to go. */
  private recover(error: Error): void {
    if (this.stopping || this.state !== 'consuming') return;
    this.reason = `RabbitMQ at ${this.address} stopped a listener: ${error.message}`;
    this.context.log('warn', `${this.reason}; connecting anew`);
    this.reconnectFrom(this.manager.connection as ChannelModel);
  }

  private reconnectFrom(connection: ChannelModel): void {
    if (this.stopping || this.manager.connection !== (connection as unknown)) return;
    reconnect(this.manager);
  }

  private get manager(): AmqpConnectionManager {
    return this.server as AmqpConnectionManager;
  }
}
