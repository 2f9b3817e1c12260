import { type MessageHandler, ServerRedis } from '@nestjs/microservices';
import {
  bugIn,
  type Deliver,
  fromStructured,
  type HandlerExtras,
  type SubscriptionRegistry,
  BroadcastConsumer,
  type Consumer,
  type ConsumerHealth,
  TRANSPORT_ID,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Redis } from 'ioredis';
import { type Address, RedisUnavailableError } from './address';
import { connectionOptions, hangUp, openedWhenUp } from './connection';
import { channelOf } from './publisher';

const ENDED_WITHIN_MS = 1_000;
/**
 * Milliseconds between pings, and until an answer: a connection that only listens would never
 * notice that the network lost it.
 */
const [ASK_EVERY_MS, ANSWERED_WITHIN_MS] = [10_000, 5_000];

/** Nest's server, made to come back after every lost connection and to say when it is away. */
export class RedisBroadcastConsumer extends ServerRedis implements Consumer {
  override transportId = TRANSPORT_ID.broadcast;
  private hearing?: BroadcastConsumer;
  private stopping?: Promise<void>;
  private started = false;
  private cause = '';
  private cancelBeat = () => {};

  constructor(
    private readonly address: Address,
    private readonly registry: SubscriptionRegistry,
    private readonly deliver: Deliver,
    private readonly context: TransportContext,
  ) {
    super(connectionOptions(address));
  }

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    const [subscription] = this.registry.subscriptions('broadcast');
    if (subscription)
      this.hearing = new BroadcastConsumer(subscription, this.deliver, this.context.log);
    try {
      if (subscription)
        await openedWhenUp(
          this.address,
          this.context,
          () => this.stopping !== undefined,
          () => this.subscribe(subscription),
        );
    } catch (error) {
      await this.close();
      return started(
        bugIn(error) ??
          new RedisUnavailableError(this.address, this.cause || (error as Error).message),
      );
    }
    this.started = true;
    started();
  }

  /** ioredis rejects with "Connection is closed."; why, it tells only here. */
  override registerErrorListener(client: Redis): void {
    client.on(
      'error',
      (error: Error & { code?: string }) => (this.cause = error.message || String(error.code)),
    );
  }

  /** Called for everything that is said on the channels. */
  override handleMessage(channel: string, document: string): Promise<void> {
    const received = fromStructured(Buffer.from(document));
    if (Object.keys(received.headers).length > 0) this.hearing?.receive(received);
    else this.context.log('warn', `${channel}: an unreadable message came, and is ignored`);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  override async close(): Promise<void> {
    await this.stop();
    await this.hearing?.close();
    this.isManuallyClosed = true;
    await hangUp(this.client);
  }

  health(): ConsumerHealth {
    const state = this.stopping
      ? 'stopped'
      : !this.started
        ? 'starting'
        : this.away
          ? 'disconnected'
          : 'consuming';
    const reason =
      state === 'disconnected'
        ? `there is no connection to Redis at ${this.address}${this.cause && `: ${this.cause}`}`
        : undefined;
    return { technology: 'redis', kind: 'broadcast', state, ...(reason && { reason }) };
  }

  private async subscribe({ handlers }: RegisteredSubscription): Promise<void> {
    const client = (await this.createRedisClient()) as Redis;
    this.subClient = client;
    for (const register of [
      this.registerErrorListener,
      this.registerReconnectListener,
      this.registerReadyListener,
      this.registerEndListener,
    ])
      register.call(this, client);
    client.on('message', (channel, document) => void this.handleMessage(channel, document));
    await client.connect();
    await client.subscribe(...[...handlers.keys()].map(channelOf));
    this.beatLater(client);
  }

  private beatLater(client: Redis): void {
    this.cancelBeat = this.context.clock.after(ASK_EVERY_MS, () => void this.beat(client));
  }

  private async beat(client: Redis): Promise<void> {
    const late = () => new Error(`no answer within ${ANSWERED_WITHIN_MS / 1_000} s`);
    if (client.status === 'ready')
      await withTimeout(ANSWERED_WITHIN_MS, client.ping(), late).catch((error: Error) =>
        this.connectAnew(client, error),
      );
    if (!this.stopping) this.beatLater(client);
  }

  private connectAnew(client: Redis, { message }: Error): void {
    if (this.stopping || client.status !== 'ready') return;
    this.context.log(
      'warn',
      `the connection that hears broadcasts from Redis at ${this.address} is silent (${message}); connecting anew, some may be missed`,
    );
    client.disconnect(true);
  }

  private async stopNow(): Promise<void> {
    this.hearing?.stop();
    this.cancelBeat();
    if (this.client?.status === 'ready')
      await withTimeout(
        ENDED_WITHIN_MS,
        this.client.unsubscribe(),
        () => new Error('no answer'),
      ).catch(() => undefined);
  }

  private get client(): Redis | undefined {
    return this.subClient as Redis | undefined;
  }

  private get away(): boolean {
    return this.client !== undefined && this.client.status !== 'ready';
  }
}
