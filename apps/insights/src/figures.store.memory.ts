import type { Figures } from '@contracts/insights';
import type { MemoryTx } from '@parley/memory';
import { figuresOf, merged, type OrderFact } from './figures';
import { FiguresStore } from './figures.store';

/** The twin of SqlFiguresStore, for tests and simulation. */
export class MemoryFiguresStore extends FiguresStore<MemoryTx> {
  private readonly facts = new Map<string, OrderFact>();

  async learn(tx: MemoryTx, ...facts: OrderFact[]): Promise<void> {
    for (const fact of facts) {
      const before = this.facts.get(fact.orderId);
      this.facts.set(fact.orderId, merged(before ? [before, fact] : [fact])[0]!);
      tx.undo(() =>
        before ? this.facts.set(fact.orderId, before) : this.facts.delete(fact.orderId),
      );
    }
  }

  async figures(): Promise<Figures> {
    return figuresOf([...this.facts.values()]);
  }
}
