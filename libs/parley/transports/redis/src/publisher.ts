import { ClientRedis, type ReadPacket } from '@nestjs/microservices';
import { headersOf, type OutgoingMessage, toStructured, within, OutageError } from '@parley/messaging';
import type { Redis } from 'ioredis';
import { type Address, RedisUnavailable } from './address';
import { connected, CONNECTED_WITHIN, connectionOptions, hangUp, refuseNeedlessPassword } from './connection';

const STARTED_WITHIN = 10_000;

/** The channel of a contract. Those who listen to it get it, nobody else has it brought to them. */
export const channelOf = (contract: string): string => `parley.${contract}`;

/** Nest's client, made to tell when nothing was said. */
export class BroadcastPublisher extends ClientRedis {
  private cause = '';

  constructor(private readonly address: Address) {
    super(connectionOptions(address));
  }

  override async connect(): Promise<void> {
    try {
      await within(STARTED_WITHIN, this.opened(), () => new Error(`no answer within ${STARTED_WITHIN / 1_000} s`));
    } catch (error) {
      await this.close();
      throw new RedisUnavailable(this.address, this.cause || (error as Error).message);
    }
  }

  /** ioredis rejects with "Connection is closed."; why, it tells only here. */
  override registerErrorListener(client: Redis): void {
    client.on('error', (error: Error & { code?: string }) => (this.cause = error.message || String(error.code)));
  }

  async say(messages: readonly OutgoingMessage[]): Promise<void> {
    await Promise.all(
      messages.map(({ contract, envelope, body }) =>
        this.dispatchEvent({ pattern: channelOf(contract.name), data: toStructured(headersOf(envelope), body) }),
      ),
    );
  }

  override async close(): Promise<void> {
    this.isManuallyClosed = true;
    await Promise.all([hangUp(this.pubClient as Redis | null), hangUp(this.subClient as Redis | null)]);
  }

  private async opened(): Promise<void> {
    await super.connect();
    await refuseNeedlessPassword(this.pubClient as Redis, this.address);
  }

  protected override async dispatchEvent({ pattern: channel, data }: ReadPacket<string>): Promise<void> {
    const notSaid = () => new NotSaid(channel, this.address, this.cause || `no answer within ${CONNECTED_WITHIN / 1_000} s`);
    const client = this.pubClient as Redis | null;
    await connected(client, notSaid);
    await within(CONNECTED_WITHIN, client!.publish(channel, data), notSaid).catch((error) => {
      throw error instanceof NotSaid ? error : new NotSaid(channel, this.address, (error as Error).message);
    });
  }
}

/** A broadcast that did not reach Redis, or of which nobody knows whether it did. */
export class NotSaid extends OutageError {
  override readonly name = 'NotSaid';
  override readonly effect = 'unknown';
  constructor(channel: string, address: Address, why: string) {
    super(`the broadcast to ${channel} was not taken by Redis at ${address} (${why}); nothing keeps it, so say it again if it still matters`);
  }
}
