import { ClientRedis, type ReadPacket } from '@nestjs/microservices';
import {} from '@parley/messaging';
import {
  bugIn,
  headersOf,
  type OutgoingMessage,
  sendInOrder,
  BodyTooLargeError,
  toStructured,
  withTimeout,
  NotStoredError,
  UnconfirmedError,
} from '@parley/messaging/transport';
import type { Redis } from 'ioredis';
import { type Address, RedisUnavailableError } from './address';
import {
  connected,
  CONNECTED_WITHIN,
  connectionOptions,
  hangUp,
  refuseNeedlessPassword,
} from './connection';

/**
 * Bytes of the largest body. Redis takes 512 MB, but ends the connection of a subscriber for which
 * 32 MB wait at once, or 8 MB for a minute (`client-output-buffer-limit pubsub`): one that is busy
 * must survive a few of them.
 */
export const LARGEST = 1024 * 1024;

const STARTED_WITHIN = 10_000;

/** The channel of a contract. Redis sends its messages only to instances that subscribed to it. */
export const channelOf = (contract: string): string => `parley.${contract}`;

/** Nest's client, made to tell when nothing was said. */
export class BroadcastPublisher extends ClientRedis {
  private cause = '';

  constructor(private readonly address: Address) {
    super(connectionOptions(address));
  }

  override async connect(): Promise<void> {
    try {
      await withTimeout(
        STARTED_WITHIN,
        this.opened(),
        () => new Error(`no answer within ${STARTED_WITHIN / 1_000} s`),
      );
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

  async say(messages: readonly OutgoingMessage[]): Promise<void> {
    await sendInOrder(messages, async ({ contract, envelope, body }) => {
      if (body.length > LARGEST)
        throw new BodyTooLargeError(contract.name, body.length, LARGEST, 'redis');
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
    const silence = () => this.cause || `no answer within ${CONNECTED_WITHIN / 1_000} s`;
    const client = this.pubClient as Redis | null;
    await connected(client, () => notStored(channel, this.address, silence()));
    await withTimeout(CONNECTED_WITHIN, client!.publish(channel, data), () =>
      unconfirmed(channel, this.address, silence()),
    ).catch((error) => {
      throw error instanceof UnconfirmedError
        ? error
        : (bugIn(error) ?? unconfirmed(channel, this.address, (error as Error).message));
    });
  }
}

const notStored = (channel: string, address: Address, why: string): NotStoredError =>
  new NotStoredError(
    `the broadcast to ${channel} was not handed to Redis at ${address} (${why}); nothing keeps it, so send it again if it still matters`,
  );

const unconfirmed = (channel: string, address: Address, why: string): UnconfirmedError =>
  new UnconfirmedError(
    `the broadcast to ${channel} was not confirmed by Redis at ${address} (${why}); nothing keeps it, so send it again if it still matters`,
  );
