import {
  headersOf,
  type Outbox,
  type OutboxExcept,
  type OutgoingMessage,
  type StoredMessage,
  type Tx,
} from '@parley/messaging/transport';
import type { MemoryDatabase, MemoryTx } from './database';

interface Row extends StoredMessage {
  readonly added: number;
  readonly due: number;
}

export class MemoryOutbox implements Outbox {
  private readonly rows = new Map<string, Row>();
  private readonly wakers = new Set<() => void>();
  private ids = 0;
  private led = false;
  private cancelTimer = () => {};

  constructor(private readonly store: MemoryDatabase) {}

  async add(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
    for (const message of messages) this.insert(tx as MemoryTx, message);
    (tx as MemoryTx).committed(this.wake);
  }

  async lead(): Promise<{ readonly lost: AbortSignal; release(): Promise<void> } | undefined> {
    if (this.led) return undefined;
    this.led = true;
    this.wakeForDue();
    return { lost: new AbortController().signal, release: async () => this.release() };
  }

  due(
    limit: number,
    { ids, contracts }: OutboxExcept = { ids: [], contracts: [] },
  ): Promise<readonly StoredMessage[]> {
    return this.store.turn(() => {
      const wanted = this.dueRows().filter(
        ({ id, contract }) => !ids.includes(id) && !contracts.includes(contract),
      );
      return wanted.slice(0, limit);
    });
  }

  remove(ids: readonly string[], tx?: Tx): Promise<void> {
    return this.store.within(tx, (tx) => {
      for (const id of ids) {
        const row = this.rows.get(id);
        if (!row) continue;
        this.rows.delete(id);
        tx.undo(() => this.rows.set(id, row));
      }
    });
  }

  state(): Promise<{
    readonly waiting: number;
    readonly oldestAge: number;
    readonly nextDue?: number;
  }> {
    return this.store.turn(() => {
      const now = this.store.clock.elapsed();
      const delayed = [...this.rows.values()].map(({ due }) => due).filter((due) => due > now);
      const oldest = this.dueRows()[0];
      const nextDue = delayed.length > 0 ? Math.min(...delayed) - now : undefined;
      return { waiting: this.rows.size, oldestAge: oldest ? now - oldest.added : 0, nextDue };
    });
  }

  onAdded(wake: () => void): void {
    this.wakers.add(wake);
  }

  /** Describes messages that a relay can send now; without a relay there are none. */
  unsettled(): readonly string[] {
    if (!this.led) return [];
    return this.dueRows().map(({ contract }) => `${contract} in the outbox`);
  }

  private readonly wake = (): void => {
    for (const wake of this.wakers) wake();
    this.wakeForDue();
  };

  /**
   * Wakes the relay when the next message is due: a polling relay would be late, and tests could
   * not tell when the system is idle.
   */
  private wakeForDue(): void {
    this.cancelTimer();
    const now = this.store.clock.elapsed();
    const due = Math.min(
      ...[...this.rows.values()].map((row) => row.due).filter((due) => due > now),
    );
    if (this.led && due < Infinity) this.cancelTimer = this.store.clock.after(due - now, this.wake);
  }

  private release(): void {
    this.led = false;
    this.cancelTimer();
  }

  private insert(tx: MemoryTx, { contract, envelope, body, delay = 0 }: OutgoingMessage): void {
    const id = String(++this.ids);
    const added = this.store.clock.elapsed();
    this.rows.set(id, {
      id,
      contract: contract.name,
      headers: headersOf(envelope),
      body: Buffer.from(body),
      added,
      due: added + delay,
    });
    tx.undo(() => this.rows.delete(id));
  }

  private dueRows(): Row[] {
    const now = this.store.clock.elapsed();
    return [...this.rows.values()]
      .filter(({ due }) => due <= now)
      .sort((a, b) => Number(a.id) - Number(b.id));
  }
}
