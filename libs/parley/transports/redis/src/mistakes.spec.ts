import { broadcast } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import type { OutgoingMessage } from '@parley/messaging/transport';
import { z } from 'zod';
import { Address } from './address';
import { BroadcastPublisher } from './publisher';

const bug = new TypeError("Cannot read properties of undefined (reading 'write')");
const Rang = broadcast('mailroom.bell-rang', z.object({ times: z.int() }));

it('a mistake in code is told as what it is where a broadcast is said', async () => {
  const publisher = new BroadcastPublisher(new Address('redis://127.0.0.1:6379'), {
    log: () => undefined,
  });
  Object.assign(publisher, {
    pubClient: { status: 'ready', publish: () => Promise.reject(bug) },
  });
  const message: OutgoingMessage = {
    contract: Rang,
    envelope: { id: '1', type: Rang.name } as Envelope,
    body: Buffer.from('{}'),
  };
  await expect(publisher.sendAll([message])).rejects.toBe(bug);
});
