import { EventEmitter } from 'node:events';
import { Address, startFailure } from './address';
import { CommandPublisher } from './publisher';

const address = new Address('amqp://rabbit.example');
const bug = new TypeError("Cannot read properties of undefined (reading 'accept')");

describe('a mistake in code, of the client for instance', () => {
  it('is told at the start as what it is, also where the connection manager wraps it', () => {
    expect(startFailure(address, bug)).toBe(bug);
    expect(startFailure(address, { err: bug, url: address.secret })).toBe(bug);
  });

  it('is told as what it is where a queue is declared', async () => {
    const publisher = new CommandPublisher(address, () => undefined);
    Object.assign(publisher, {
      client: { connection: { createChannel: () => Promise.reject(bug) } },
    });
    await publisher.setupChannel(new EventEmitter() as never, () => undefined);
    const parcel = { body: Buffer.from('{}'), properties: {} };
    await expect(publisher.put('orders', 'orders', parcel)).rejects.toBe(bug);
  });
});
