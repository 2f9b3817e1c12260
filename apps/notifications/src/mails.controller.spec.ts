import { randomUUID } from 'node:crypto';
import { CustomerNotified } from '@contracts/notifications';
import { MemoryStore } from '@parley/memory';
import { HandlerTestKit } from '@parley/testing';
import type { Mail } from './mail';
import { MemoryMailStore } from './mail.store.memory';
import { Mailbox } from './mailbox';
import { MailsController } from './mails.controller';

class Postman extends Mailbox {
  readonly carried: Mail[] = [];
  broken = false;

  async put(mail: Mail): Promise<void> {
    if (this.broken) throw new Error('the mail server is down');
    this.carried.push(mail);
  }
}

describe('a customer', () => {
  let postman: Postman;
  let trial: HandlerTestKit;
  let mails: MailsController;
  const orderId = randomUUID();
  const customer = {
    name: 'Zoë',
    email: 'zoe@example.com',
    address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
  };
  const shipped = (circumstances = {}) =>
    trial.handle(
      (context) =>
        mails.shipped({ orderId, customer, total: 990, trackingNumber: 'PL641133658579' }, context),
      circumstances,
    );
  const rejected = () =>
    trial.handle((context) =>
      mails.rejected({ orderId, customer, total: 990, reason: 'no funds' }, context),
    );

  beforeEach(() => {
    postman = new Postman();
    trial = new HandlerTestKit('notifications', new MemoryStore());
    mails = new MailsController(postman, new MemoryMailStore() as never, trial.messenger);
  });

  it('gets one mail when the order is shipped, and everybody hears of it', async () => {
    await shipped();
    await shipped({ attempt: 2 });
    expect(postman.carried.map(({ subject }) => subject)).toEqual([
      expect.stringContaining('is on its way'),
    ]);
    expect(trial.messages(CustomerNotified)).toEqual([
      { orderId, to: 'zoe@example.com', subject: postman.carried[0]!.subject },
    ]);
  });

  it('gets one mail when the order is rejected', async () => {
    await rejected();
    await rejected();
    expect(postman.carried.map(({ text }) => text)).toEqual([
      expect.stringContaining('because no funds'),
    ]);
  });

  it('gets the same mail again, under the same Message-ID, when the process dies between sending and recording', async () => {
    await expect(shipped({ crash: true })).rejects.toThrow('before the commit');
    expect(trial.sent).toEqual([]);
    await shipped({ attempt: 2 });
    expect(postman.carried).toHaveLength(2);
    expect(postman.carried[1]).toEqual(postman.carried[0]);
    expect(trial.messages(CustomerNotified)).toHaveLength(1);
  });

  it('gets the mail later when the mail server is down', async () => {
    postman.broken = true;
    await expect(shipped()).rejects.toThrow('the mail server is down');
    postman.broken = false;
    await shipped({ attempt: 2 });
    expect(postman.carried).toHaveLength(1);
    expect(trial.messages(CustomerNotified)).toHaveLength(1);
  });
});
