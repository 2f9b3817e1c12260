import { Server } from '@nestjs/microservices';
import type { MessageHandler } from '@nestjs/microservices';
import type { Kind } from '@parley/contract';
import { TRANSPORT_ID } from './handles';
import type { HandlerExtras, SubscriptionRegistry } from './handler-registry';
import type { Consumer } from '../ports/transport';
import type { ConsumerHealth } from '../ports/health';

/**
 * The Nest strategy for technologies without one in Nest: collects the handlers, then lets the
 * technology consume.
 */
export abstract class ConsumerServer<K extends Kind = Exclude<Kind, 'call'>>
  extends Server
  implements Consumer
{
  override transportId: symbol;

  constructor(
    readonly kind: K,
    protected readonly registry: SubscriptionRegistry,
  ) {
    super();
    this.transportId = TRANSPORT_ID[kind];
  }

  override addHandler(
    _pattern: unknown,
    run: MessageHandler,
    _isEvent?: boolean,
    extras?: unknown,
  ): void {
    this.registry.add(run, extras as HandlerExtras);
  }

  /** Begins to consume; rejects when it cannot, and the service does not start. */
  protected abstract start(): Promise<void>;
  abstract stop(): Promise<void>;
  abstract close(): Promise<void>;
  abstract health(): ConsumerHealth;

  listen(started: (error?: unknown) => void): void {
    if (this.registry.subscriptions(this.kind).length === 0) return started();
    this.start().then(() => started(), started);
  }

  on(event: string): never {
    throw new Error(`${this.kind} intake: there is no event "${event}" to listen to; ask health()`);
  }

  unwrap<T>(): T {
    throw new Error(`${this.kind} intake: there is no server to unwrap`);
  }
}
