import { MemoryStore } from '@parley/memory';
import { MemorySagaStore } from './memory-saga-store';
import { describeSagaStore } from './saga-store.suite';

describeSagaStore('memory', async () => {
  const database = new MemoryStore();
  return {
    store: new MemorySagaStore(() => Date.now()),
    transaction: (work) => database.transaction(work),
    close: () => database.close(),
  };
});
