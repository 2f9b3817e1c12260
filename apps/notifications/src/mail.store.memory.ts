import type { MemoryTx } from '@parley/memory';
import type { Mail } from './mail';
import { MailStore } from './mail.store';

/** The twin of SqlMailStore, for tests and simulation. */
export class MemoryMailStore extends MailStore<MemoryTx> {
  private readonly sent = new Map<string, Mail>();

  async isSent(orderId: string): Promise<boolean> {
    return this.sent.has(orderId);
  }

  async record(tx: MemoryTx, mail: Mail): Promise<boolean> {
    if (this.sent.has(mail.orderId)) return false;
    this.sent.set(mail.orderId, mail);
    tx.undo(() => this.sent.delete(mail.orderId));
    return true;
  }
}
