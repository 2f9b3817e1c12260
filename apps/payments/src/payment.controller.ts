import {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from '@contracts/payments';
import { Controller } from '@nestjs/common';
import { Handles, Messenger, type HandlerContext } from '@parley/messaging';
import { decideCharge, decideRefund, type Answer, type Decision, type Payment } from './payment';
import { PaymentStore } from './payment.store';
import { PaymentProvider } from './provider';

/** Asks the provider first, with no transaction open; then records and answers in one. */
@Controller()
export class PaymentController {
  constructor(
    private readonly provider: PaymentProvider,
    private readonly payments: PaymentStore,
    private readonly messenger: Messenger,
  ) {}

  @Handles(ChargePayment, { transaction: 'own' })
  async charge(command: ChargePayment, context: HandlerContext): Promise<void> {
    const result = await this.provider.charge(command, context.signal);
    await this.settle(command.orderId, context, (recorded) =>
      decideCharge(recorded, command, result),
    );
  }

  @Handles(RefundPayment, { transaction: 'own' })
  async refund({ orderId }: RefundPayment, context: HandlerContext): Promise<void> {
    const result = await this.provider.refund(orderId, context.signal);
    await this.settle(orderId, context, (recorded) => decideRefund(recorded, orderId, result));
  }

  private settle(
    orderId: string,
    context: HandlerContext,
    decide: (recorded: Payment | undefined) => Decision,
  ): Promise<void> {
    return context.transaction(async (tx) => {
      const recorded = await this.payments.find(tx, orderId);
      const { record, answer } = decide(recorded);
      if (record) await this.payments.record(tx, record, recorded);
      if (answer) await this.answer(orderId, answer);
    });
  }

  private answer(orderId: string, answer: Answer): Promise<void> {
    switch (answer.what) {
      case 'captured':
        return this.messenger.publish(PaymentCaptured, {
          orderId,
          amount: answer.amount,
          reference: answer.reference,
        });
      case 'declined':
        return this.messenger.publish(PaymentDeclined, { orderId, reason: answer.reason });
      case 'refunded':
        return this.messenger.publish(PaymentRefunded, { orderId, amount: answer.amount });
    }
  }
}
