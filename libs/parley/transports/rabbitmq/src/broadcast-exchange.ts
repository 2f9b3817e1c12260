import type { TransportContext } from '@parley/messaging/transport';
import type { ChannelModel, Options } from 'amqplib';
import type { Address } from './address';
import { mustBeThere } from './topology';

/*
 * Broadcasts: an exchange a contract, which copies what is said to the queue of every instance that
 * listens. Such a queue is the instance's own and goes with its connection.
 */

export const exchangeOf = (contract: string): string => `parley.${contract}`;

/** Durable like what is wired to it by hand; what passes it is not kept. */
const EXCHANGE: Options.AssertExchange = { durable: true };

export const OWN_QUEUE: Options.AssertQueue = { exclusive: true, autoDelete: true, durable: false };

/**
 * Makes the exchanges, or only looks whether they are there; on a channel of its own, for a refusal
 * closes the channel it came by.
 */
export async function exchanges(
  connection: ChannelModel,
  names: readonly string[],
  address: Address,
  mode: TransportContext['topology'] = 'create',
): Promise<void> {
  const channel = await connection.createChannel();
  // The refusal also rejects the call; without a listener it would end the connection.
  channel.on('error', () => undefined);
  for (const name of names) {
    if (mode === 'verify')
      await mustBeThere(channel.checkExchange(name), address, `exchange ${name}`);
    // Says too whether one that is there is another: of all its settings only the type matters, and
    // that is looked at.
    await channel.assertExchange(name, 'fanout', EXCHANGE);
  }
  await channel.close();
}
