import { type MessageHandler, ServerRedis } from '@nestjs/microservices';
import {
  type Deliver,
  type HandlerExtras,
  type HandlerRegistry,
  type Intake,
  type IntakeHealth,
  type Subscription,
  TRANSPORT_ID,
  type TransportContext,
} from '@parley/messaging';
import type { Redis } from 'ioredis';
import { type Address, RedisUnavailable } from './address';
import { connectionOptions, hangUp, within } from './connection';
import { channelOf } from './publisher';
import { decode } from './structured';

const STARTED_WITHIN = 10_000;
const ENDED_WITHIN = 1_000;
/** News that wait for a handler. Those who listen too slowly miss some, as the sequence numbers tell them. */
const WAITING_AT_MOST = 10_000;

/** Nest's server, made to come back after every lost connection and to say when it is away. */
export class BroadcastIntake extends ServerRedis implements Intake {
  override transportId = TRANSPORT_ID.broadcast;
  private readonly end = new AbortController();
  private readonly handling = new Set<Promise<unknown>>();
  private waiting: Array<{ channel: string; document: string }> = [];
  private missed = 0;
  private subscription?: Subscription;
  private stopping?: Promise<void>;
  private started = false;
  private cause = '';

  constructor(
    private readonly address: Address,
    private readonly registry: HandlerRegistry,
    private readonly deliver: Deliver,
    private readonly context: TransportContext,
  ) {
    super(connectionOptions(address));
  }

  override addHandler(_pattern: unknown, run: MessageHandler, _isEvent?: boolean, extras?: unknown): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  override async listen(started: (error?: unknown) => void): Promise<void> {
    [this.subscription] = this.registry.subscriptions('broadcast');
    this.subscription?.onConcurrency?.(() => this.handleWaiting());
    try {
      if (this.subscription)
        await within(STARTED_WITHIN, this.subscribe(this.subscription), () => new Error(`no answer within ${STARTED_WITHIN / 1_000} s`));
    } catch (error) {
      await this.close();
      return started(new RedisUnavailable(this.address, this.cause || (error as Error).message));
    }
    this.started = true;
    started();
  }

  /** ioredis rejects with "Connection is closed."; why, it tells only here. */
  override registerErrorListener(client: Redis): void {
    client.on('error', (error: Error & { code?: string }) => (this.cause = error.message || String(error.code)));
  }

  /** Called for everything that is said on the channels. */
  override handleMessage(channel: string, document: string): Promise<void> {
    if (this.stopping) return Promise.resolve();
    if (this.handling.size < this.subscription!.concurrency) this.handle(channel, document);
    else if (this.waiting.length < WAITING_AT_MOST) this.waiting.push({ channel, document });
    else if (this.missed++ === 0)
      this.context.log('warn', `broadcasts come faster than they are handled: more than ${WAITING_AT_MOST} wait, the next ones are missed`);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopNow());
  }

  override async close(): Promise<void> {
    await this.stop();
    this.end.abort(new Error('the drain ran out of time'));
    await within(ENDED_WITHIN, Promise.allSettled(this.handling), () => new Error('still under way')).catch(() => undefined);
    this.isManuallyClosed = true;
    await hangUp(this.client);
  }

  health(): IntakeHealth {
    const state = this.stopping ? 'stopped' : !this.started ? 'starting' : this.away ? 'disconnected' : 'consuming';
    const reason = state === 'disconnected' ? `there is no connection to Redis at ${this.address}${this.cause && `: ${this.cause}`}` : undefined;
    return { technology: 'redis', kind: 'broadcast', state, ...(reason && { reason }) };
  }

  private async subscribe({ handlers }: Subscription): Promise<void> {
    const client = (await this.createRedisClient()) as Redis;
    this.subClient = client;
    for (const register of [this.registerErrorListener, this.registerReconnectListener, this.registerReadyListener, this.registerEndListener])
      register.call(this, client);
    client.on('message', (channel, document) => void this.handleMessage(channel, document));
    await client.connect();
    await client.subscribe(...[...handlers.keys()].map(channelOf));
  }

  private async stopNow(): Promise<void> {
    this.waiting = [];
    if (this.client?.status === 'ready') await within(ENDED_WITHIN, this.client.unsubscribe(), () => new Error('no answer')).catch(() => undefined);
  }

  private handle(channel: string, document: string): void {
    const handling = this.deliverOne(channel, document).finally(() => {
      this.handling.delete(handling);
      this.handleWaiting();
    });
    this.handling.add(handling);
  }

  private handleWaiting(): void {
    while (this.handling.size < this.subscription!.concurrency && this.waiting.length > 0) {
      const { channel, document } = this.waiting.shift()!;
      this.handle(channel, document);
    }
    if (this.waiting.length === 0) this.missed = 0;
  }

  /** Never rejects. There is nobody to give a broadcast back to: whatever becomes of it, it is over. */
  private async deliverOne(channel: string, document: string): Promise<void> {
    try {
      const { headers, body } = decode(document);
      await this.deliver({
        subscription: this.subscription!,
        headers,
        body,
        attempt: 1,
        signal: this.end.signal,
        honours: { retry: false, dead: false },
      });
    } catch (error) {
      this.context.log('warn', `${channel}: something unreadable was said and is ignored: ${(error as Error).message}`);
    }
  }

  private get client(): Redis | undefined {
    return this.subClient as Redis | undefined;
  }

  private get away(): boolean {
    return this.client !== undefined && this.client.status !== 'ready';
  }
}
