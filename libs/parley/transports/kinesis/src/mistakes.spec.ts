import { startFailure } from '@parley/aws';
import { command } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import type { OutgoingMessage } from '@parley/messaging/transport';
import { z } from 'zod';
import { Address } from './address';
import { StreamPublisher } from './publisher';

const address = new Address('kinesis://me:secret@streams.example:4567?insecure=true');
const bug = new TypeError("Cannot read properties of undefined (reading 'Records')");
const Ship = command('shipping.ship-order', z.object({ orderId: z.string() }));

describe('a mistake in code, of the SDK for instance', () => {
  it('is told at the start as what it is, not as a Kinesis that cannot be reached', () => {
    expect(startFailure(address, bug)).toBe(bug);
  });

  it('is told as what it is where a message is published', async () => {
    const publisher = new StreamPublisher({ send: () => Promise.reject(bug) } as never, address, {
      ensure: () => Promise.resolve(),
    } as never);
    const message: OutgoingMessage = {
      contract: Ship,
      envelope: { id: '1', type: Ship.name } as Envelope,
      body: Buffer.from('{}'),
    };
    await expect(publisher.publishInOrder([message])).rejects.toBe(bug);
  });
});
