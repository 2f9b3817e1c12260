import { randomUUID } from 'node:crypto';
import { CustomerNotified } from '@contracts/notifications';
import { OrderRejected, OrderShipped } from '@contracts/orders';
import { Harness } from '@parley/testing';
import type { Mail } from './mail';
import { MailStore } from './mail.store';
import { MemoryMailStore } from './mail.store.memory';
import { Mailbox } from './mailbox';
import { MailsController } from './mails.controller';

/** Refuses the first mail it is given. */
class MoodyPostman extends Mailbox {
  readonly carried: Mail[] = [];
  private moods = 0;

  async put(mail: Mail): Promise<void> {
    if (this.moods++ === 0) throw new Error('come back later');
    this.carried.push(mail);
  }
}

describe('the service notifications, told twice and out of order', () => {
  it('sends each customer one mail and says so once', async () => {
    const postman = new MoodyPostman();
    const harness = new Harness({ mischief: { seed: 3, duplicate: 0.5, reorder: true } });
    const providers = [
      { provide: MailStore, useValue: new MemoryMailStore() },
      { provide: Mailbox, useValue: postman },
    ];
    await harness.start('notifications', { controllers: [MailsController], providers });
    await harness.start('notifications', { controllers: [MailsController], providers });

    const customer = {
      name: 'Zoë',
      email: 'zoe@example.com',
      address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
    };
    const orders = Array.from({ length: 20 }, () => randomUUID());
    for (const [index, orderId] of orders.entries()) {
      if (index % 2 === 0)
        await harness.publish(OrderShipped, {
          orderId,
          customer,
          total: 100,
          trackingNumber: 'PL000000000000',
        });
      else
        await harness.publish(OrderRejected, { orderId, customer, total: 100, reason: 'no funds' });
    }
    await harness.settled();

    expect(new Set(postman.carried.map(({ messageId }) => messageId)).size).toBe(20);
    expect(postman.carried).toHaveLength(20);
    expect(
      harness
        .sent(CustomerNotified)
        .map(({ orderId }) => orderId)
        .sort(),
    ).toEqual([...orders].sort());
    await harness.close();
  });
});
