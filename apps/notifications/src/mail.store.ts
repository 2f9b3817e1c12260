import type { EntityManager } from 'typeorm';
import type { Mail } from './mail';

/** The mails that were sent, one an order. `MemoryMailStore` is the twin of the SQL one. */
export abstract class MailStore<Tx = EntityManager> {
  /** True when a mail about the order was sent, as far as is committed. */
  abstract isSent(orderId: string): Promise<boolean>;
  /** False when one was recorded before. */
  abstract record(tx: Tx, mail: Mail): Promise<boolean>;
}

export class SqlMailStore extends MailStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  async isSent(orderId: string): Promise<boolean> {
    const found: unknown[] = await this.database.query('select 1 from mail where order_id = $1', [
      orderId,
    ]);
    return found.length > 0;
  }

  async record(tx: EntityManager, { orderId, messageId, to, subject }: Mail): Promise<boolean> {
    const recorded: unknown[] = await tx.query(
      `insert into mail (order_id, message_id, recipient, subject) values ($1, $2, $3, $4)
       on conflict do nothing returning order_id`,
      [orderId, messageId, to.address, subject],
    );
    return recorded.length > 0;
  }
}
