import { CustomerNotified } from '@contracts/notifications';
import { OrderRejected, OrderShipped } from '@contracts/orders';
import { Controller } from '@nestjs/common';
import { Handles, Messenger, Subscription, type HandlerContext } from '@parley/messaging';
import { mailOfRejection, mailOfShipment, type Mail } from './mail';
import { MailStore } from './mail.store';
import { Mailbox } from './mailbox';

/**
 * One mail an order. It is sent before that is recorded: a crash in between repeats it under the
 * same Message-ID, none is lost.
 */
@Controller()
@Subscription('mails')
export class MailsController {
  constructor(
    private readonly mailbox: Mailbox,
    private readonly mails: MailStore,
    private readonly messenger: Messenger,
  ) {}

  @Handles(OrderShipped, { transaction: 'own' })
  shipped(order: OrderShipped, context: HandlerContext): Promise<void> {
    return this.notify(mailOfShipment(order), context);
  }

  @Handles(OrderRejected, { transaction: 'own' })
  rejected(order: OrderRejected, context: HandlerContext): Promise<void> {
    return this.notify(mailOfRejection(order), context);
  }

  private async notify(mail: Mail, context: HandlerContext): Promise<void> {
    const { orderId, subject } = mail;
    if (await this.mails.isSent(orderId)) return;
    await this.mailbox.put(mail);
    await context.transaction(async (tx) => {
      if (await this.mails.record(tx, mail))
        await this.messenger.publish(CustomerNotified, { orderId, to: mail.to.address, subject });
    });
  }
}
