import { startFailure } from '@parley/aws';
import { Address } from './address';
import { CommandPublisher } from './publisher';

const address = new Address('sqs://me:secret@queues.example:9324?insecure=true');
const bug = new TypeError("Cannot read properties of undefined (reading 'Successful')");

describe('a mistake in code, of the SDK for instance', () => {
  it('is told at the start as what it is, not as an SQS that cannot be reached', () => {
    expect(startFailure(address, bug)).toBe(bug);
  });

  it('is told as what it is where a command is sent', async () => {
    const publisher = new CommandPublisher({ send: () => Promise.reject(bug) } as never, address, {
      of: () => Promise.resolve({ commands: 'c', lanes: 'l' }),
    } as never);
    const parcel = { MessageBody: '{}', MessageAttributes: {} };
    await expect(publisher.putLater('orders', 0, () => parcel)).rejects.toBe(bug);
  });
});
