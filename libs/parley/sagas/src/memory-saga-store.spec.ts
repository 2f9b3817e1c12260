import { MemorySagaStore } from './memory-saga-store';
import { MemoryTransactions } from './memory.fixture';
import { describeSagaStore } from './saga-store-spec';

describeSagaStore('memory', async () => {
  const transactions = new MemoryTransactions();
  const store = new MemorySagaStore(() => Date.now());
  return { store, transaction: (work) => transactions.run(work), close: async () => undefined };
});
