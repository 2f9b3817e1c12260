import type { TransportContext } from '@parley/messaging/transport';
import type { ChannelModel, Options } from 'amqplib';
import type { Address } from './address';
import { mustBeThere } from './topology';

/*
 * Broadcasts: one exchange per contract copies messages to the queue of every listening instance.
 * Such a queue belongs to its instance, and is deleted with its connection.
 */

export const exchangeOf = (contract: string): string => `parley.${contract}`;

/** Durable, like bindings made by hand; messages that pass through are not kept. */
const EXCHANGE: Options.AssertExchange = { durable: true };

export const OWN_QUEUE: Options.AssertQueue = { exclusive: true, autoDelete: true, durable: false };

/**
 * Declares the exchanges, or only verifies that they exist, on a channel of its own: a refusal
 * closes the channel.
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
    // Also refuses an existing exchange of another type, the only setting that matters.
    await channel.assertExchange(name, 'fanout', EXCHANGE);
  }
  await channel.close();
}
