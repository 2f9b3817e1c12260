import { ClientRedis, type ReadPacket } from '@nestjs/microservices';
import {
  bugIn,
  headersOf,
  type OutgoingMessage,
  sendInOrder,
  BodyTooLargeError,
  type TransportContext,
  toStructured,
  withTimeout,
  UnconfirmedError,
  PublishErrors,
} from '@parley/messaging/transport';
import type { Redis } from 'ioredis';
import { type Address, RedisUnavailableError } from './address';
import {
  connected,
  CONNECTED_WITHIN_MS,
  connectionOptions,
  hangUp,
  openedWhenUp,
  refuseNeedlessPassword,
} from './connection';

/**
 * Bytes of the largest body. Redis takes 512 MB, but ends the connection of a subscriber for which
 * 32 MB wait at once, or 8 MB for a minute (`client-output-buffer-limit pubsub`): one that is busy
 * must survive a few of them.
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** The channel of a contract. Redis sends its messages only to instances that subscribed to it. */
export const channelOf = (contract: string): string => `parley.${contract}`;

/** Nest's client, which also reports broadcasts that were not published. */
export class BroadcastPublisher extends ClientRedis {
  private cause = '';
  private readonly errors: PublishErrors;

  constructor(
    private readonly address: Address,
    private readonly context: Pick<TransportContext, 'log'>,
  ) {
    super(connectionOptions(address));
    this.errors = new PublishErrors(`Redis at ${address}`, false);
  }

  override async connect(): Promise<void> {
    try {
      const isGivenUp = () => this.isManuallyClosed;
      await openedWhenUp(this.address, this.context, isGivenUp, () => this.opened());
    } catch (error) {
      await this.close();
      throw (
        bugIn(error) ??
        new RedisUnavailableError(this.address, this.cause || (error as Error).message)
      );
    }
  }

  /** ioredis rejects with "Connection is closed."; why, it tells only here. */
  override registerErrorListener(client: Redis): void {
    client.on(
      'error',
      (error: Error & { code?: string }) => (this.cause = error.message || String(error.code)),
    );
  }

  async sendAll(messages: readonly OutgoingMessage[]): Promise<void> {
    await sendInOrder(messages, async ({ contract, envelope, body }) => {
      if (body.length > MAX_MESSAGE_BYTES)
        throw new BodyTooLargeError(contract.name, body.length, MAX_MESSAGE_BYTES, 'redis');
      await this.dispatchEvent({
        pattern: channelOf(contract.name),
        data: toStructured(headersOf(envelope), body),
      });
    });
  }

  override async close(): Promise<void> {
    this.isManuallyClosed = true;
    await Promise.all([
      hangUp(this.pubClient as Redis | null),
      hangUp(this.subClient as Redis | null),
    ]);
  }

  private async opened(): Promise<void> {
    await super.connect();
    await refuseNeedlessPassword(this.pubClient as Redis, this.address);
  }

  protected override async dispatchEvent({
    pattern: channel,
    data,
  }: ReadPacket<string>): Promise<void> {
    const silence = () => this.cause || `no answer within ${CONNECTED_WITHIN_MS / 1_000} s`;
    const client = this.pubClient as Redis | null;
    await connected(client, () => this.errors.notStored(channel, silence()));
    await withTimeout(CONNECTED_WITHIN_MS, client!.publish(channel, data), () =>
      this.errors.unconfirmed(channel, silence()),
    ).catch((error) => {
      throw error instanceof UnconfirmedError
        ? error
        : (bugIn(error) ?? this.errors.unconfirmed(channel, (error as Error).message));
    });
  }
}
