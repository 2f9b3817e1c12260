import { type MessageHandler, ServerRMQ } from '@nestjs/microservices';
import {
  bugDetails,
  type HandlerExtras,
  type SubscriptionRegistry,
  type Consumer,
  type ConsumerHealth,
  TRANSPORT_ID,
  type TransportContext,
  untilUp,
  withTimeout,
} from '@parley/messaging/transport';
import type { AmqpConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { type Address, notYet, startFailure } from './address';
import { ConnectionLog, loggerWithoutConnections } from './connection-log';
import { reconnect } from './connections';
import { CONNECTION } from './publisher';

const CLOSED_WITHIN_MS = 3_000;
const RECONNECT_AFTER_MS = 1_000;

/** ServerRMQ with a start timeout, endless reconnects and health. */
export abstract class RabbitServer extends ServerRMQ implements Consumer {
  override transportId: never;
  protected state: ConsumerHealth['state'] = 'starting';
  protected reason?: string;
  protected stopping?: Promise<void>;
  protected override readonly logger = loggerWithoutConnections(RabbitServer.name);
  private failStart?: (error: unknown) => void;
  private readonly connectionLog: ConnectionLog;

  constructor(
    private readonly kind: 'command' | 'broadcast',
    protected readonly address: Address,
    protected readonly registry: SubscriptionRegistry,
    protected readonly context: TransportContext,
  ) {
    super({
      urls: [address.secret],
      noAck: kind === 'broadcast',
      socketOptions: CONNECTION,
    });
    this.transportId = TRANSPORT_ID[kind] as never;
    this.connectionLog = new ConnectionLog(
      `the connection that brings ${kind}s from RabbitMQ at ${address}`,
      context.log,
    );
  }

  /** Declares queues and starts to consume, on a channel of a new connection. */
  protected abstract consumeFrom(connection: ChannelModel, channel: ConfirmChannel): Promise<void>;
  /** Called when the connection is lost, with all its channels. */
  protected abstract lost(): void;
  /** Stops taking messages. */
  protected abstract stopNow(): Promise<void>;
  /** Resolves when running handlers have ended, or were aborted. */
  protected abstract drained(): Promise<void>;

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  /**
   * Called for every new connection, with a channel of it. A failure here would otherwise end as an
   * unhandled rejection.
   */
  override async setupChannel(channel: ConfirmChannel, begun: () => void): Promise<void> {
    if (this.stopping) return;
    const connection = this.manager.connection as ChannelModel;
    channel.on('error', (error) => this.recover(error));
    try {
      await this.consumeFrom(connection, channel);
      begun();
    } catch (error) {
      this.consumingFailed(error, connection);
    }
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopped());
  }

  override async close(): Promise<void> {
    await this.stop();
    await this.drained();
    await withTimeout(CLOSED_WITHIN_MS, super.close(), () => new Error('not closed in time')).catch(
      (error: Error) => {
        this.context.log(
          'warn',
          `RabbitMQ at ${this.address}: the connection that brings ${this.kind}s did not close well: ${error.message}`,
        );
      },
    );
  }

  health(): ConsumerHealth {
    return {
      technology: 'rabbitmq',
      kind: this.kind,
      state: this.state,
      ...(this.reason && { reason: this.reason }),
    };
  }

  protected async begin(started: (error?: unknown) => void): Promise<void> {
    try {
      await untilUp({
        broker: `RabbitMQ at ${this.address}`,
        attempt: () => this.beginOnce(),
        notYet,
        log: this.context.log,
        isGivenUp: () => this.stopping !== undefined,
      });
    } catch (error) {
      await this.close();
      return started(startFailure(this.address, error));
    }
    started();
  }

  protected consuming(): void {
    this.state = 'consuming';
    this.reason = undefined;
    this.connectionLog.back();
  }

  /** Reconnects: a closed channel stays closed as long as its connection lives. */
  protected recover(error: Error): void {
    if (this.stopping || this.state !== 'consuming') return;
    this.reason = `RabbitMQ at ${this.address} stopped a consumer: ${error.message}`;
    this.context.log('warn', `${this.reason}; connecting anew`);
    this.reconnectFrom(this.manager.connection as ChannelModel);
  }

  protected get manager(): AmqpConnectionManager {
    return this.server as AmqpConnectionManager;
  }

  /** After a failed attempt Nest's server is as new. */
  private async beginOnce(): Promise<void> {
    try {
      await this.consumingBegins();
    } catch (error) {
      this.lost();
      await super.close().catch(() => undefined);
      [this.channel, this.server] = [null, null];
      if (!this.stopping) [this.state, this.reason] = ['starting', undefined];
      throw error;
    }
  }

  private consumingBegins(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.failStart = reject;
      this.start((error) => (error ? reject(error) : resolve())).catch(reject);
      this.on('connectFailed' as never, reject as never);
      this.on('disconnect', ({ err } = {} as never) => this.disconnected(err));
    });
  }

  private stopped(): Promise<void> {
    this.state = 'stopped';
    this.reason = undefined;
    return this.stopNow();
  }

  private disconnected(error?: Error): void {
    this.lost();
    if (this.stopping) return;
    this.connectionLog.lost(error?.message);
    this.state = 'disconnected';
    this.reason ??= `the connection to RabbitMQ at ${this.address} was lost${error ? `: ${error.message}` : ''}`;
  }

  private consumingFailed(error: unknown, connection: ChannelModel): void {
    const failure = startFailure(this.address, error);
    if (this.state === 'starting') return this.failStart?.(failure);
    this.reason = failure.message;
    this.context.log('error', failure.message, bugDetails(failure));
    this.context.clock.after(RECONNECT_AFTER_MS, () => this.reconnectFrom(connection));
  }

  private reconnectFrom(connection: ChannelModel): void {
    if (this.stopping || this.manager.connection !== (connection as unknown)) return;
    reconnect(this.manager);
  }
}
