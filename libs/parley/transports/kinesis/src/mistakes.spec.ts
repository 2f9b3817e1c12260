import { startFailure } from '@parley/aws';
import { command } from '@parley/contract';
import { type Envelope, NotStoredError, UnconfirmedError } from '@parley/messaging';
import type { OutgoingMessage } from '@parley/messaging/transport';
import { z } from 'zod';
import { Address } from './address';
import { StreamPublisher } from './publisher';

const address = new Address('kinesis://me:secret@streams.example:4567?insecure=true');
const bug = new TypeError("Cannot read properties of undefined (reading 'Records')");
const Ship = command('shipping.ship-order', z.object({ orderId: z.string() }));
const message: OutgoingMessage = {
  contract: Ship,
  envelope: { id: '1', type: Ship.name } as Envelope,
  body: Buffer.from('{}'),
};

describe('a mistake in code, of the SDK for instance', () => {
  it('is told at the start as what it is, not as a Kinesis that cannot be reached', () => {
    expect(startFailure(address, bug)).toBe(bug);
  });

  it('is told as what it is where a message is published', async () => {
    const publisher = new StreamPublisher({ send: () => Promise.reject(bug) } as never, address, {
      ensure: () => Promise.resolve(),
    } as never);
    await expect(publisher.publishInOrder([message])).rejects.toBe(bug);
  });
});

describe('a Kinesis that gives no answer', () => {
  const away = new Error('connect ECONNREFUSED');
  const publish = (ensure: () => Promise<void>) =>
    new StreamPublisher({ send: () => Promise.reject(away) } as never, address, {
      ensure,
    } as never).publishInOrder([message]);

  it('stored nothing when the stream itself could not be found', async () => {
    await expect(publish(() => Promise.reject(away))).rejects.toBeInstanceOf(NotStoredError);
  });

  it('may have stored a message that was handed over', async () => {
    await expect(publish(() => Promise.resolve())).rejects.toBeInstanceOf(UnconfirmedError);
  });
});
