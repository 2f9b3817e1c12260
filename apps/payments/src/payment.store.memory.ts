import type { MemoryTx } from '@parley/memory';
import type { Payment } from './payment';
import { PaymentChangedError, PaymentStore } from './payment.store';

/** The twin of SqlPaymentStore, for tests and simulation. */
export class MemoryPaymentStore extends PaymentStore<MemoryTx> {
  private readonly payments = new Map<string, Payment>();

  async find(_tx: MemoryTx, orderId: string): Promise<Payment | undefined> {
    return this.payments.get(orderId);
  }

  async record(tx: MemoryTx, payment: Payment, before?: Payment): Promise<void> {
    const recorded = this.payments.get(payment.orderId);
    if (recorded && recorded.status !== before?.status)
      throw new PaymentChangedError(payment.orderId);
    this.payments.set(payment.orderId, payment);
    tx.undo(() =>
      recorded
        ? this.payments.set(payment.orderId, recorded)
        : this.payments.delete(payment.orderId),
    );
  }
}
