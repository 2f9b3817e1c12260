import type { EntityManager } from 'typeorm';
import type { Payment } from './payment';

/** Another handling settled the order in the meantime; the next attempt sees its decision. */
export class PaymentChangedError extends Error {
  override readonly name = 'PaymentChangedError';
  constructor(orderId: string) {
    super(
      `the payment of order ${orderId} was settled by another handling in the meantime; this one is tried again`,
    );
  }
}

/** The payment of each order. `MemoryPaymentStore` is the in-memory twin of the SQL one. */
export abstract class PaymentStore<Tx = EntityManager> {
  abstract find(tx: Tx, orderId: string): Promise<Payment | undefined>;
  /**
   * @param before the record on which the decision was based
   * @throws PaymentChangedError when the record has changed since
   */
  abstract record(tx: Tx, payment: Payment, before?: Payment): Promise<void>;
}

export class SqlPaymentStore extends PaymentStore {
  async find(tx: EntityManager, orderId: string): Promise<Payment | undefined> {
    const [row]: Row[] = await tx.query(
      'select status, amount, reference, reason from payment where order_id = $1',
      [orderId],
    );
    if (!row) return undefined;
    const { status, amount, reference, reason } = row;
    return {
      orderId,
      status,
      amount,
      ...(reference !== null && { reference }),
      ...(reason !== null && { reason }),
    };
  }

  async record(
    tx: EntityManager,
    { orderId, status, amount, reference, reason }: Payment,
    before?: Payment,
  ): Promise<void> {
    const recorded: unknown[] = await tx.query(
      `insert into payment (order_id, status, amount, reference, reason) values ($1, $2, $3, $4, $5)
       on conflict (order_id) do update
         set status = excluded.status, amount = excluded.amount, reference = excluded.reference, reason = excluded.reason, changed_at = now()
         where payment.status = $6
       returning order_id`,
      [orderId, status, amount, reference, reason, before?.status],
    );
    if (recorded.length === 0) throw new PaymentChangedError(orderId);
  }
}

interface Row {
  readonly status: Payment['status'];
  readonly amount: number;
  readonly reference: string | null;
  readonly reason: string | null;
}
