import { headersOf, type Outbox, type OutgoingMessage, type StoredMessage, type Tx } from '@parley/messaging';
import type { MemoryStore, MemoryTx } from './memory-store';

interface Row extends StoredMessage {
  readonly added: number;
  readonly due: number;
}

export class MemoryOutbox implements Outbox {
  private readonly rows = new Map<string, Row>();
  private readonly wakers = new Set<() => void>();
  private ids = 0;
  private led = false;

  constructor(private readonly store: MemoryStore) {}

  async add(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
    for (const message of messages) this.insert(tx as MemoryTx, message);
    (tx as MemoryTx).committed(() => this.wakers.forEach((wake) => wake()));
  }

  async lead(): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined> {
    if (this.led) return undefined;
    this.led = true;
    return { lost: new AbortController().signal, release: async () => void (this.led = false) };
  }

  due(limit: number): Promise<readonly StoredMessage[]> {
    return this.store.turn(() => this.dueRows().slice(0, limit));
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.store.turn(() => ids.forEach((id) => this.rows.delete(id)));
  }

  state(): Promise<{ readonly waiting: number; readonly oldestAge: number; readonly nextDue?: number }> {
    return this.store.turn(() => {
      const now = this.store.clock.now();
      const delayed = [...this.rows.values()].map(({ due }) => due).filter((due) => due > now);
      const oldest = this.dueRows()[0];
      const nextDue = delayed.length > 0 ? Math.min(...delayed) - now : undefined;
      return { waiting: this.rows.size, oldestAge: oldest ? now - oldest.added : 0, nextDue };
    });
  }

  onAdded(wake: () => void): void {
    this.wakers.add(wake);
  }

  /** What somebody relays. Without a relay it waits for one. */
  unsettled(): readonly string[] {
    if (!this.led) return [];
    return this.dueRows().map(({ contract }) => `${contract} in the outbox`);
  }

  private insert(tx: MemoryTx, { contract, envelope, body, delay = 0 }: OutgoingMessage): void {
    const id = String(++this.ids);
    const added = this.store.clock.now();
    this.rows.set(id, { id, contract: contract.name, headers: headersOf(envelope), body: Buffer.from(body), added, due: added + delay });
    tx.undo(() => this.rows.delete(id));
  }

  private dueRows(): Row[] {
    const now = this.store.clock.now();
    return [...this.rows.values()].filter(({ due }) => due <= now);
  }
}
