import { startFailure } from '@parley/aws';
import { NotStoredError, UnconfirmedError } from '@parley/messaging';
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

describe('an SQS that gives no answer', () => {
  const away = new Error('connect ECONNREFUSED');
  const parcel = { MessageBody: '{}', MessageAttributes: {} };
  const send = (topology: { of: () => Promise<unknown> }) =>
    new CommandPublisher(
      { send: () => Promise.reject(away) } as never,
      address,
      topology as never,
    ).putLater('orders', 0, () => parcel);

  it('stored nothing when the queue itself could not be found', async () => {
    await expect(send({ of: () => Promise.reject(away) })).rejects.toBeInstanceOf(NotStoredError);
  });

  it('may have stored a command that was handed over', async () => {
    const urls = { commands: 'c', lanes: 'l' };
    await expect(send({ of: () => Promise.resolve(urls) })).rejects.toBeInstanceOf(
      UnconfirmedError,
    );
  });
});
